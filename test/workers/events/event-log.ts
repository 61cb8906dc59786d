/** The log as a test looks at it: appended to by hand, read to its end, and its alarms. */
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { vi } from 'vitest';
import type { RegistryEvent } from '../../../src/notifications/event.ts';
import { KEPT_MS, SIGHTINGS, TRIM_INTERVAL_MS } from '../../../src/objects/event-log/keeping.ts';
import type { LoggedEvent, QueuedMessage } from '../../../src/objects/event-log/messages.ts';
import { objects, passTime } from '../world.ts';
import type { Source } from './deliveries.ts';

export const log = () => objects.eventLog();

export function append(...messages: readonly QueuedMessage[]) {
  return log().append(messages, []);
}

/** Everything after a cursor. */
export async function readAll(after: number): Promise<LoggedEvent[]> {
  const all: LoggedEvent[] = [];
  for (let cursor = after; ;) {
    const { result } = await log().read(cursor);
    if (result.kind !== 'page') throw new Error('it is gone');
    all.push(...result.events);
    if (result.isEnd) return all;
    cursor = result.next;
  }
}

export async function numbersSince(after: number, { name }: Source): Promise<(number | undefined)[]> {
  return (await readAll(after))
    .filter(({ event }) => event.repository === name)
    .map(({ event }) => event.sequence?.number);
}

export async function lastCursor(): Promise<number> {
  return (await log().last()).result;
}

export function lost({ id, repository, sequence }: RegistryEvent): QueuedMessage {
  if (sequence === undefined) throw new Error('it has a number');
  return { kind: 'lost', id, repository, sequence };
}

export async function settleLog(): Promise<void> {
  for (let round = 0; round < 20; round += 1) {
    const at = await runInDurableObject(log(), (_object, { storage }) => storage.getAlarm());
    if (at === null || at > Date.now()) return;
    await runDurableObjectAlarm(log());
  }
}

/** Until all that the log has now is dropped, which takes that it looks old for long enough. */
export async function outliveAll(): Promise<void> {
  const query = 'SELECT max(appended_at) AS newest FROM events';
  const newest = await runInDurableObject(log(), (_object, { storage }) =>
    storage.sql.exec<{ newest: number | null }>(query).one(),
  );
  vi.setSystemTime(Math.max(Date.now(), newest.newest ?? 0) + KEPT_MS);
  for (let run = 0; run <= SIGHTINGS; run += 1) {
    passTime(TRIM_INTERVAL_MS);
    await settleLog();
  }
}
