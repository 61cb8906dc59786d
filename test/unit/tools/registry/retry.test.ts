/** What is tried again, and when. */
import { describe, expect, it } from 'vitest';
import { failure, success, transientFailure } from '../../../../tools/registry/outcome.ts';
import { backOffMs, isTransientStatus, parseRetryAfter, withRetries } from '../../../../tools/registry/retry.ts';

const NOW_MS = Date.parse('2026-11-28T04:00:00Z');

describe('trying again', () => {
  it('may help where the registry is busy or broken, and nowhere else', () => {
    const statuses = [200, 202, 301, 400, 401, 403, 404, 405, 408, 413, 416, 429, 500, 501, 502, 503, 504, 507];
    expect(statuses.filter(isTransientStatus)).toEqual([408, 429, 500, 502, 503, 504]);
  });

  it.each([
    ['3', 3_000],
    ['0', 0],
    ['Sat, 28 Nov 2026 04:00:07 GMT', 7_000],
    ['Sat, 28 Nov 2026 03:00:00 GMT', 0],
    ['soon', undefined],
    [undefined, undefined],
  ])('waits as long as Retry-After %s says', (header, expected) => {
    expect(parseRetryAfter(header, NOW_MS)).toBe(expected);
  });

  it('waits longer each time, never as long as another one, and never for ever', () => {
    expect([0, 1, 2, 3].map((attempt) => backOffMs(attempt, 0))).toEqual([250, 500, 1_000, 2_000]);
    expect([0, 1, 2, 3].map((attempt) => backOffMs(attempt, 1))).toEqual([500, 1_000, 2_000, 4_000]);
    expect(backOffMs(1_000, 1)).toBe(30_000);
  });

  it('ends with what can not be bettered', async () => {
    const { signal } = new AbortController();
    let tries = 0;
    const outcome = await withRetries(signal, async () => {
      tries += 1;
      return tries < 2 ? transientFailure('busy', 0) : failure('no');
    });
    expect(outcome).toEqual(failure('no'));
    expect(tries).toBe(2);
  });

  it('ends at once when it is stopped, also while it waits', async () => {
    const stop = new AbortController();
    const outcome = await withRetries(stop.signal, async () => {
      queueMicrotask(() => {
        stop.abort();
      });
      return transientFailure('busy', 599_000);
    });
    expect(outcome).toEqual(failure('was stopped'));
  });

  it('does not wait for hours', async () => {
    const busy = transientFailure('busy', 3_600_000);
    expect(await withRetries(new AbortController().signal, async () => busy)).toEqual(busy);
    expect(await withRetries(new AbortController().signal, async (before) => success(before))).toEqual(success(0));
  });

  it('waits a quarter of an hour in all, however little more is asked for each time', async () => {
    const waits: number[] = [];
    const busy = transientFailure('busy', 400_000);
    const wait = async (ms: number) => waits.push(ms);
    expect(await withRetries(new AbortController().signal, async () => busy, wait)).toEqual(busy);
    expect(waits).toEqual([400_000, 400_000]);
  });
});
