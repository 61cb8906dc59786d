/** Which requests the next events of the log make, whatever comes: for each rule a property. */
import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { parseEndpoint, type EndpointDocument } from '../../../src/notifications/endpoint-document.ts';
import { renderedBody } from '../../../src/notifications/rendering.ts';
import { BATCH_BYTES, plan, type Plan } from '../../../src/objects/endpoint/planning.ts';
import { joined, runsOf } from '../../../src/objects/endpoint/spans.ts';
import type { LoggedEvent } from '../../../src/objects/event-log/messages.ts';
import { DIGEST, event, manifestTarget, name } from './events.ts';

const REPOSITORIES = ['team/a', 'team/b', 'team/c'].map(name);

function endpoint(given: Readonly<Record<string, unknown>> = {}): EndpointDocument {
  const document = JSON.stringify({ name: 'one', url: 'https://hook.example/', ...given });
  const result = parseEndpoint(document, { allowPrivate: false, ownHosts: [] });
  if (!result.ok) throw new Error(result.mistakes.join('; '));
  return result.value;
}

const pages = fc
  .array(
    fc.record({
      repository: fc.constantFrom(...REPOSITORIES),
      isWanted: fc.boolean(),
      step: fc.integer({ min: 1, max: 3 }),
    }),
    { maxLength: 30 },
  )
  .map((rows) => {
    let cursor = 10;
    return rows.map(({ repository, isWanted, step }): LoggedEvent => {
      cursor += step;
      return { cursor, event: event(isWanted ? 'manifest.push' : 'manifest.pull', { repository }) };
    });
  });
const bounds = fc.record({
  most: fc.nat({ max: 6 }),
  mostWaiting: fc.nat({ max: 8 }),
  mostBlocked: fc.nat({ max: 8 }),
  busy: fc.subarray(REPOSITORIES),
  batch: fc.integer({ min: 1, max: 4 }),
  order: fc.constantFrom('any', 'repository'),
});

function cursorsOf({ requests }: Plan): number[] {
  return requests.flatMap(({ events }) => events.map(({ cursor }) => cursor)).sort((one, other) => one - other);
}

describe('a plan', () => {
  it('has each wanted event up to its end once, and nothing else', () => {
    fc.assert(
      fc.property(pages, bounds, (page, { busy, batch, order, ...most }) => {
        const made = plan(endpoint({ batch, order }), page, 10, {
          ...most,
          isBusy: (repository) => busy.some((known) => known === repository),
        });
        const wanted = page.filter(({ cursor, event: { kind } }) => kind === 'manifest.push' && cursor <= made.next);
        expect(cursorsOf(made)).toEqual(wanted.map(({ cursor }) => cursor));
        // What follows is wanted: it would not have stopped for anything else.
        const following = page.find(({ cursor }) => cursor > made.next);
        expect(following?.event.kind ?? 'manifest.push').toBe('manifest.push');
      }),
    );
  });

  it('keeps to its bounds, and stops for nothing else', () => {
    fc.assert(
      fc.property(pages, bounds, (page, { busy, batch, order, ...most }) => {
        const made = plan(endpoint({ batch, order }), page, 10, {
          ...most,
          isBusy: (repository) => busy.some((known) => known === repository),
        });
        const free = made.requests.filter(({ isBlocked }) => !isBlocked);
        const blocked = made.requests.length - free.length;
        const mostFree = Math.min(most.most, most.mostWaiting);
        expect(blocked).toBeLessThanOrEqual(most.mostBlocked);
        expect(free.length).toBeLessThanOrEqual(mostFree);
        for (const { events } of made.requests) expect(events.length).toBeLessThanOrEqual(batch);
        const isWhole = made.next >= (page.at(-1)?.cursor ?? 10);
        if (!isWhole) expect(blocked === most.mostBlocked || free.length === mostFree).toBe(true);
      }),
    );
  });

  it('of strict order has at most one request of a repository that may go, before all others of it', () => {
    fc.assert(
      fc.property(pages, bounds, (page, { busy, batch, order: _order, ...most }) => {
        const isBusy = (repository: string) => busy.some((known) => known === repository);
        const { requests } = plan(endpoint({ batch, order: 'repository' }), page, 10, { ...most, isBusy });
        for (const repository of REPOSITORIES) {
          const own = requests.filter(({ events }) => events.some((logged) => logged.event.repository === repository));
          expect(own.every(({ events }) => events.every((logged) => logged.event.repository === repository))).toBe(
            true,
          );
          expect(own.map(({ isBlocked }) => isBlocked)).toEqual(
            own.map((_request, index) => index > 0 || isBusy(repository)),
          );
          const cursors = own.flatMap(({ events }) => events.map(({ cursor }) => cursor));
          expect(cursors).toEqual([...cursors].sort((one, other) => one - other));
        }
      }),
    );
  });

  it('has no request that is longer than memory allows', () => {
    const long = event('manifest.push', {
      target: { ...manifestTarget(DIGEST), annotations: { padding: '\u00e9'.repeat(20_000) } },
    });
    const page = Array.from({ length: 20 }, (_, index) => ({ cursor: index + 1, event: long }));
    const { requests, next } = plan(endpoint({ batch: 100 }), page, 0, {
      most: 16,
      mostWaiting: 16,
      mostBlocked: 0,
      isBusy: () => false,
    });
    expect(next).toBe(20);
    for (const { events } of requests)
      expect(Buffer.byteLength(JSON.stringify(events))).toBeLessThan(BATCH_BYTES + 10_000);
  });
});

test('cursors as spans are the same cursors', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat({ max: 60 })), (numbers) => {
      const sorted = [...numbers].sort((one, other) => one - other);
      const runs = runsOf(sorted);
      const cursors = runs.flatMap(({ first, last }) =>
        Array.from({ length: last - first + 1 }, (_, index) => first + index),
      );
      expect(cursors).toEqual(sorted);
      expect(joined(runs)).toEqual(runs);
    }),
  );
});

describe('what a manifest refers to', () => {
  const references = [{ mediaType: 'application/octet-stream', digest: DIGEST, size: 3 }];
  const pushed = event('manifest.push', { target: { ...manifestTarget(DIGEST), references } });

  it.each(['distribution', 'distribution-v1', 'cloudevents'])('is in %s only where it is asked for', (format) => {
    expect(renderedBody(endpoint({ format }), [pushed]).body).not.toContain('references');
    expect(renderedBody(endpoint({ format, references: true }), [pushed]).body).toContain(
      `"references":${JSON.stringify(references)}`,
    );
  });
});
