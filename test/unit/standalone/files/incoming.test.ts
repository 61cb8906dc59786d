/** A body that is written while it arrives: from senders that are slow, and from one that has gone without saying so. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { SlowBody } from '../../../../standalone/files/failures.ts';
import { writeBody } from '../../../../standalone/files/incoming.ts';
import { Patience } from '../../../../standalone/patience.ts';

const SILENCE_MS = 300;
/** A byte each tenth of a second is enough. */
const LEAST_BYTES_PER_SECOND = 10;

async function target() {
  const directory = mkdtempSync(join(tmpdir(), 'berth-incoming-'));
  const path = join(directory, 'body');
  const file = await open(path, 'wx');
  onTestFinished(async () => {
    await file.close();
    rmSync(directory, { recursive: true });
  });
  return { path, file, offset: 0, sync: false, patience: new Patience(SILENCE_MS, LEAST_BYTES_PER_SECOND) };
}

test('a body that stops is let go, and can still be read to its end', async () => {
  const body = new PassThrough();
  body.write('some');
  const writing = writeBody(body, 100, await target());
  await expect(writing).rejects.toThrow(SlowBody);
  expect(body.destroyed).toBe(false);
  body.end('more');
  const rest = await body.toArray();
  expect(Buffer.concat(rest).toString()).toBe('more');
});

test('a body that comes slowly, longer in all than a silence may last, is taken', async () => {
  const body = new PassThrough();
  const given = await target();
  const writing = writeBody(body, 8, given);
  for (const piece of 'slowbody') {
    body.write(piece);
    await delay(SILENCE_MS / 6);
  }
  body.end();
  await writing;
  expect(readFileSync(given.path, 'utf8')).toBe('slowbody');
});

test('a body that trickles is let go, though it is never silent for long', async () => {
  const body = new PassThrough();
  const given = { ...(await target()), patience: new Patience(SILENCE_MS, 1_000_000) };
  const writing = writeBody(body, 1_000_000, given);
  const trickle = setInterval(() => body.write('x'), SILENCE_MS / 10);
  onTestFinished(() => {
    clearInterval(trickle);
  });
  await expect(writing).rejects.toThrow(SlowBody);
});
