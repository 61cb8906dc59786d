/**
 * `"format": "distribution-v1"` beside what distribution 2.8.2 itself sends for the same requests, field by field. Each difference
 * is a row of docs/compatibility-notifications.md with its reason, and each row a difference that is still there.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Server, ServerKind } from '../../../bench/peer/server.ts';
import { startBerth, type BerthProcess } from '../berth-process.ts';
import { requireClient, type Availability } from '../clients/client.ts';
import type { Difference } from '../differential/comparison.ts';
import { findDistribution, startDistribution, VERSION } from '../differential/distribution.ts';
import { formatRow, parseTable } from '../differential/table.ts';
import { ADDED, eventsOf, formOf, type EnvelopeEvent } from './envelopes.ts';
import { Receiver, type ReceivedRequest } from './receiver.ts';
import { describeRequest, playHistory, REQUEST_NAMES, withNames } from './same-requests.ts';

const PAGE = join(import.meta.dirname, '..', '..', '..', 'docs', 'compatibility-notifications.md');
const EVENTS = ['manifest.push', 'manifest.pull', 'manifest.delete', 'blob.push', 'blob.pull', 'blob.mount'];
const ALL_EVENTS = [...EVENTS, 'blob.delete', 'tag.delete'];
const TYPE = 'application/vnd.docker.distribution.events.v1+json';
/** As distribution is without being told: it takes the address from X-Forwarded-For, and lets everybody in. */
const BEHIND_A_PROXY = { BERTH_TRUSTED_PROXY: 'on', BERTH_ANONYMOUS: 'read-write' };
/** What a row without a reason says in the message of a failure: it is to be mended, or explained. */
const NO_REASON = 'no reason given yet';

/** By the name of their request. */
type Told = ReadonlyMap<string, readonly EnvelopeEvent[]>;

describe(`what Berth and distribution ${VERSION} tell a webhook`, () => {
  const receivers: Receiver[] = [];
  let berth: BerthProcess | undefined;
  let distribution: Server | undefined;
  let told: Availability<{ readonly berth: Told; readonly distribution: Told }>;

  beforeAll(async () => {
    const found = await findDistribution();
    if (found.kind === 'unavailable') {
      told = found;
      return;
    }
    const [one, two] = [await Receiver.start(), await Receiver.start()];
    receivers.push(one, two);
    berth = await startBerth({
      environment: { ...BEHIND_A_PROXY, BERTH_WEBHOOKS_PRIVATE: 'on', BERTH_ENDPOINTS: endpointsAt(one.url) },
    });
    distribution = await startDistribution(notifying(found.value, two.url));
    await playHistory(berth.url);
    await playHistory(`http://127.0.0.1:${String(distribution.port)}`);
    // Berth's events of pulls are gathered for a moment, and may come last.
    for (const receiver of receivers) await receiver.until(hasToldAll);
    told = { kind: 'available', value: { berth: toldBy(one), distribution: toldBy(two) } };
  });

  afterAll(async () => {
    await berth?.discard();
    await distribution?.discard();
    for (const receiver of receivers) await receiver.close();
  });

  it('differs in what the table says, and in nothing else', (context) => {
    const { berth: ours, distribution: theirs } = requireClient(context, 'docker-registry', told);
    const found = REQUEST_NAMES.flatMap((name) => differencesOf(name, ours.get(name) ?? [], theirs.get(name) ?? []));
    const rows = parseTable(readFileSync(PAGE, 'utf8'));
    const reasons = new Map(rows.map(({ id, reason }) => [id, reason]));
    expect(rows.map((row) => formatRow(row, row.reason))).toEqual(
      found.map((difference) => formatRow(difference, reasons.get(difference.id) ?? NO_REASON)),
    );
  });

  it('has one media type, and one event a request', (context) => {
    requireClient(context, 'docker-registry', told);
    for (const { requests } of receivers) {
      expect(new Set(requests.map(({ headers }) => headers['content-type']))).toEqual(new Set([TYPE]));
      expect(requests.map((request) => eventsOf(request).length)).toEqual(requests.map(() => 1));
    }
  });

  it('has what Berth adds in one object, that distribution does not know', (context) => {
    const { berth: ours, distribution: theirs } = requireClient(context, 'docker-registry', told);
    for (const event of [...ours.values()].flat()) expect(event[ADDED]).toMatchObject({ version: 1 });
    for (const event of [...theirs.values()].flat()) expect(event).not.toHaveProperty(ADDED);
  });
});

function endpointsAt(url: string): string {
  return JSON.stringify({
    endpoints: [{ name: 'a', url, events: ALL_EVENTS, format: 'distribution-v1', references: true }],
  });
}

/** Debian's configuration, with an endpoint. */
function notifying(kind: ServerKind, url: string): ServerKind {
  return {
    ...kind,
    command(folder, port) {
      const started = kind.command(folder, port);
      const endpoint = `{ name: a, url: "${url}", timeout: 10s, threshold: 5, backoff: 1s }`;
      appendFileSync(
        join(folder, 'configuration.yml'),
        `notifications:\n  events:\n    includereferences: true\n  endpoints:\n    - ${endpoint}\n`,
      );
      return started;
    },
  };
}

/** Requests that both registries tell of. Berth tells of the tag that was deleted before it tells of what was deleted later. */
const AWAITED = REQUEST_NAMES.filter((name) => !name.endsWith('-upload') && name !== 'tag-delete');

function hasToldAll(requests: readonly ReceivedRequest[]): boolean {
  const names = new Set(requests.flatMap(eventsOf).map(({ request }) => request.useragent));
  return AWAITED.every((name) => names.has(name));
}

function toldBy({ requests }: Receiver): Told {
  const events = new Map(requests.flatMap(eventsOf).map((event) => [event.id, event]));
  return Map.groupBy(events.values(), ({ request }) => request.useragent);
}

/** One row for each event that differs, with the fields that do. */
function differencesOf(name: string, ours: readonly EnvelopeEvent[], theirs: readonly EnvelopeEvent[]): Difference[] {
  const [one, two] = [inOrder(ours), inOrder(theirs)];
  return Array.from({ length: Math.max(one.length, two.length) }, (_, index) => {
    const [left, right] = [one[index], two[index]];
    const paths = [...new Set([...(left?.keys() ?? []), ...(right?.keys() ?? [])])];
    const differing = paths.filter((path) => left?.get(path) !== right?.get(path));
    if (differing.length === 0) return [];
    const id = one.length + two.length > 2 ? `${name}/${String(index + 1)}` : name;
    const say = (form: ReadonlyMap<string, string> | undefined): string =>
      form === undefined
        ? 'no event'
        : differing.map((path) => withNames(`${path}: ${form.get(path) ?? 'none'}`)).join('; ');
    return [{ id, request: describeRequest(name), berth: say(left), distribution: say(right) }];
  }).flat();
}

/** Several events of one request: what was deleted itself, then its tags. */
function inOrder(events: readonly EnvelopeEvent[]): ReadonlyMap<string, string>[] {
  const rank = (form: ReadonlyMap<string, string>): number => (form.has('target.digest') ? 0 : 1);
  return events.map(formOf).sort((one, other) => rank(one) - rank(other));
}
