/** When a chunk is tried again, and from which byte. */
import { describe, expect, it } from 'vitest';
import { committedOf, contentRange, isWorthAnotherTry, pauseMs } from '../../../../tools/proxy/resumption.ts';

describe('an answer', () => {
  it.each([408, 429, 500, 502, 503, 504, 520, 524])('%d is worth another try', (status) => {
    expect(isWorthAnotherTry(status, false)).toBe(true);
  });

  it.each([301, 400, 401, 403, 404, 413, 501, 507])('%d is the last word', (status) => {
    expect(isWorthAnotherTry(status, false)).toBe(false);
    expect(isWorthAnotherTry(status, true)).toBe(false);
  });

  it.each([409, 416])('%d is the last word on a first attempt, and may come from that on a second', (status) => {
    expect(isWorthAnotherTry(status, false)).toBe(false);
    expect(isWorthAnotherTry(status, true)).toBe(true);
  });
});

describe('the pause before another try', () => {
  it('doubles up to fifteen seconds, and half of it is chance', () => {
    const pauses = [1, 2, 3, 4, 5, 6, 7].map((failures) => pauseMs(failures, undefined, 0, 1));
    expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
    expect(pauseMs(1, undefined, 0, 0)).toBe(250);
  });

  it('is what Retry-After asks for, in seconds or as a date, up to a minute', () => {
    expect(pauseMs(1, '7', 0, 0)).toBe(7_000);
    expect(pauseMs(1, '3600', 0, 0)).toBe(60_000);
    const now = Date.parse('2026-01-01T00:00:00Z');
    expect(pauseMs(1, 'Thu, 01 Jan 2026 00:00:09 GMT', now, 0)).toBe(9_000);
    expect(pauseMs(1, 'Wed, 31 Dec 2025 00:00:00 GMT', now, 0)).toBe(0);
  });

  it('is its own where Retry-After makes no sense', () => {
    expect(pauseMs(1, 'soon', 0, 1)).toBe(500);
  });
});

describe('the Range of a session', () => {
  it.each([
    ['0-99', 100],
    ['bytes=0-99', 100],
    ['0-0', 0],
    ['1-99', undefined],
    ['0-', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%s means %s bytes', (range, committed) => {
    expect(committedOf(range)).toBe(committed);
  });

  it('of a chunk has both its ends', () => {
    expect(contentRange(100, 50)).toBe('100-149');
  });
});
