/**
 * Pulls as events. Nothing is written for a pull, so there is no outbox for them: an isolate gathers them for a moment and
 * sends them after the answers, and only where an endpoint wants any. Those of an isolate that ends meanwhile are lost
 * (docs/notifications.md says so).
 */
import { configuredEndpoints } from '../notifications/configured-endpoints.ts';
import { newEvent, type EventTarget, type RegistryEvent } from '../notifications/event.ts';
import { logEvent } from '../observability/log.ts';
import { WorkMeter } from '../observability/work.ts';
import { causeOf } from './cause.ts';
import type { RepositoryContext } from './context.ts';

export type PullKind = 'manifest.pull' | 'blob.pull';

const GATHERED_MS = 500;
/** Of one batch; a pull that comes when so many wait is not told of. */
const MOST_GATHERED = 100;
/** How long an isolate believes what endpoints want. */
const BELIEVED_MS = 60_000;

/** Whoever gathers for longer was cut off: the next pull takes over. */
const TAKEN_OVER_MS = 5_000;

/** Of this isolate. */
let gathered: RegistryEvent[] = [];
/** The request that sends them. */
let sender: { since: number } | undefined;
let believed: { wanted: boolean; until: number } | undefined;

/** @param context of a request that was answered with content, or with its head */
export function notePull(context: RepositoryContext, kind: PullKind, target: EventTarget): void {
  const now = Date.now();
  if (!context.config.events || (believed !== undefined && now < believed.until && !believed.wanted)) return;
  context.hold(gather(context, kind, target, now));
}

async function gather(context: RepositoryContext, kind: PullKind, target: EventTarget, now: number): Promise<void> {
  const cause = gathered.length < MOST_GATHERED ? await causeOf(context) : undefined;
  const { repository } = context;
  // Others came while it was asked where this one is from.
  if (cause !== undefined && gathered.length < MOST_GATHERED)
    gathered.push(newEvent(now, { kind, repository, target, cause }));
  if (sender !== undefined && Math.abs(now - sender.since) < TAKEN_OVER_MS) return;
  sender = { since: now };
  await send(context, sender);
}

async function send(context: RepositoryContext, self: { since: number }): Promise<void> {
  await scheduler.wait(GATHERED_MS);
  if (sender !== self) return;
  // Before it asks anybody: what is gathered from now on is another's, however this one ends.
  const events = gathered;
  gathered = [];
  sender = undefined;
  if (events.length === 0) return;
  try {
    if (!(await arePullsWanted(context))) return;
    await context.events.send(events.map((event) => ({ kind: 'event', event })));
  } catch (error) {
    logEvent('warn', 'pull events lost', { events: events.length, error: String(error) });
  }
}

async function arePullsWanted({ config, objects }: RepositoryContext): Promise<boolean> {
  const now = Date.now();
  if (believed !== undefined && now < believed.until) return believed.wanted;
  const isConfigured = configuredEndpoints(config).some(({ events }) => PULLS.some((kind) => events.has(kind)));
  const wanted = isConfigured || (await new WorkMeter().call(objects.eventLog().wantsAny(PULLS)));
  believed = { wanted, until: now + BELIEVED_MS };
  return wanted;
}

const PULLS: readonly PullKind[] = ['manifest.pull', 'blob.pull'];
