/** How long a client may leave a piece of its answer untaken (standalone/untaken.ts). */
import { Socket } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Untaken } from '../../../standalone/untaken.ts';

const LIMIT_MS = 1_000;
const LAST_LIMIT_MS = 100;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function watched(): { untaken: Untaken; cut: Socket[] } {
  const cut: Socket[] = [];
  return { untaken: new Untaken((client) => cut.push(client), LIMIT_MS), cut };
}

it('cuts off who has not taken its piece in time, however often more is sent to it', () => {
  const { untaken, cut } = watched();
  const client = new Socket();
  untaken.waits(client);
  vi.advanceTimersByTime(LIMIT_MS - 1);
  untaken.waits(client);
  expect(cut).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(cut).toEqual([client]);
});

it('gives each piece its own time', () => {
  const { untaken, cut } = watched();
  const client = new Socket();
  for (let piece = 0; piece < 5; piece += 1) {
    untaken.waits(client);
    vi.advanceTimersByTime(LIMIT_MS - 1);
    untaken.ended(client);
  }
  vi.advanceTimersByTime(LIMIT_MS);
  expect(cut).toEqual([]);
});

it('gives less time from a stop on, also to those who wait already', () => {
  const { untaken, cut } = watched();
  const [early, late] = [new Socket(), new Socket()];
  untaken.waits(early);
  untaken.hurry(LAST_LIMIT_MS);
  untaken.waits(late);
  vi.advanceTimersByTime(LAST_LIMIT_MS);
  expect(cut).toEqual([early, late]);
});
