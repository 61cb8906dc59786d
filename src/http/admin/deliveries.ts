/**
 * What became of an endpoint's deliveries, and having them again: `/admin/endpoints/<name>/ping`, `/deliveries`,
 * `/dead-letters` and `/replay`.
 */
import * as v from 'valibot';
import type { Replay } from '../../objects/endpoint/messages.ts';
import { conflict, notFound, shownTime, timeOf } from '../account-answers.ts';
import { auditChange } from '../audit.ts';
import { query } from '../context.ts';
import { mistakes, readJson } from '../json-body.ts';
import { cutPage, listAnswer, nextLink, pageSizeOf } from '../pages.ts';
import type { AdminContext } from './administrator.ts';
import { finishedEndpoint } from './known-endpoint.ts';

const MOST_REPLAYED = 1_000;
const WHOLE_NUMBER = /^\d{1,15}$/;
const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/;
const NUMBERS_PROBLEM = 'must be "all", or a list of numbers of dead letters';
const TIME_PROBLEM = 'must be a time as in 2026-01-31T12:00:00Z';

const few = <const Item extends v.GenericSchema>(item: Item, problem: string) =>
  v.pipe(
    v.array(item, problem),
    v.minLength(1, 'must not be empty'),
    v.maxLength(MOST_REPLAYED, `may have ${String(MOST_REPLAYED)} entries`),
  );
const Time = v.pipe(
  v.string(TIME_PROBLEM),
  v.isoTimestamp(TIME_PROBLEM),
  v.transform((text) => Date.parse(text)),
  v.number(TIME_PROBLEM),
);
const Wanted = v.strictObject({
  deadLetters: v.optional(
    v.union(
      [v.literal('all'), few(v.pipe(v.number(), v.safeInteger(), v.minValue(1)), NUMBERS_PROBLEM)],
      NUMBERS_PROBLEM,
    ),
  ),
  events: v.optional(few(v.pipe(v.string(), v.regex(UUID, 'must be the id of an event')), 'must be a list of ids')),
  from: v.optional(Time),
  to: v.optional(Time),
});

/** One request now that says only that requests arrive, and what came of it. */
export async function pingEndpoint(context: AdminContext): Promise<Response> {
  const { meter, objects } = context;
  await readJson(context, v.strictObject({}));
  const { name } = await finishedEndpoint(context);
  const result = await meter.call(objects.endpoint(name).ping());
  auditChange(context, context.actor, { action: 'endpoint pinged', subject: `endpoint:${name}` });
  if (result.kind === 'not-sent') throw conflict(result.reason);
  const { isDelivered: delivered, status, durationMs, answer } = result;
  return Response.json({ delivered, status: status ?? null, durationMs, answer });
}

/** Newest first. */
export async function listDeliveries(context: AdminContext): Promise<Response> {
  const { meter, objects } = context;
  const { name } = await finishedEndpoint(context);
  const attempts = await meter.call(objects.endpoint(name).attempts());
  const deliveries = attempts.map(({ id, told, at, status, durationMs, answer, nextAt }) => ({
    id,
    kind: told?.kind ?? null,
    repository: told?.repository ?? null,
    tag: told?.tag ?? null,
    events: told?.events ?? null,
    time: timeOf(at),
    status: status ?? null,
    durationMs,
    answer,
    next: shownTime(nextAt),
  }));
  return listAnswer({ deliveries }, new Headers());
}

/** Oldest first. */
export async function listDeadLetters(context: AdminContext): Promise<Response> {
  const { meter, objects } = context;
  const { name } = await finishedEndpoint(context);
  const size = pageSizeOf(context);
  const after = query(context, 'last') ?? '0';
  if (!WHOLE_NUMBER.test(after)) throw mistakes(['last must be the number of a dead letter']);
  const found = await meter.call(objects.endpoint(name).deadLetters(Number(after), size + 1));
  const { page, last } = cutPage(found, size);
  const headers = new Headers();
  if (last !== undefined) headers.set('link', nextLink(context, { n: String(size), last: String(last.number) }));
  const deadLetters = page.map(({ number, first, last: end, event, at, reason }) => ({
    number,
    event: event ?? null,
    first: String(first),
    last: String(end),
    time: timeOf(at),
    reason,
  }));
  return listAnswer({ deadLetters }, headers);
}

export async function replayEvents(context: AdminContext): Promise<Response> {
  const { meter, objects } = context;
  const wanted = replayOf(await readJson(context, Wanted));
  const { name } = await finishedEndpoint(context);
  const result = await meter.call(objects.endpoint(name).replay(wanted));
  switch (result.kind) {
    case 'disabled':
      throw conflict(`the endpoint ${name} is disabled: enable it first`);
    case 'too-many':
      throw conflict('too many replays are under way: wait for their end, or ask for fewer parts of the log at once');
    case 'begun':
      if (result.spans === 0) demandUnnamed(wanted);
      auditChange(context, context.actor, { action: 'events replayed', subject: `endpoint:${name}` });
      return Response.json({ spans: result.spans }, { status: 202 });
  }
}

/** Throws NOT_FOUND where what was named is not there: that "all" or a time has nothing is no mistake. */
function demandUnnamed(wanted: Replay): void {
  if (wanted.kind === 'ids')
    throw notFound('event in the log, which keeps them for 7 days, or the endpoint has had none');
  if (wanted.kind === 'dead-letters' && wanted.numbers !== 'all') throw notFound('dead letter');
}

/** Throws REQUEST_INVALID unless it is one of the three. */
function replayOf({ deadLetters, events, from, to }: v.InferOutput<typeof Wanted>): Replay {
  const asked: Replay[] = [];
  if (deadLetters !== undefined) asked.push({ kind: 'dead-letters', numbers: deadLetters });
  if (events !== undefined) asked.push({ kind: 'ids', ids: events });
  if (from !== undefined && to !== undefined) asked.push({ kind: 'time', from, to });
  const isHalf = (from === undefined) !== (to === undefined);
  const [one, ...others] = asked;
  if (one === undefined || others.length > 0 || isHalf) {
    throw mistakes(['the body must have deadLetters, or events, or from and to']);
  }
  if (one.kind === 'time' && one.from > one.to) throw mistakes(['to must not be before from']);
  return one;
}
