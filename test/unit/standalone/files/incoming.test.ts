/** A body that is written while it arrives: from senders that are slow, and from one that has gone without saying so. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { WrongBody } from '../../../../standalone/files/failures.ts';
import { writeBody } from '../../../../standalone/files/incoming.ts';

const SILENCE_MS = 300;

async function target() {
  const directory = mkdtempSync(join(tmpdir(), 'berth-incoming-'));
  const path = join(directory, 'body');
  const file = await open(path, 'wx');
  onTestFinished(async () => {
    await file.close();
    rmSync(directory, { recursive: true });
  });
  return { path, file, offset: 0, sync: false, longestSilenceMs: SILENCE_MS };
}

test('a body that stops is let go, and can still be read to its end', async () => {
  const body = new PassThrough();
  body.write('some');
  const writing = writeBody(body, 100, await target());
  await expect(writing).rejects.toThrow(WrongBody);
  await expect(writing).rejects.toThrow('brought nothing for 0.3 s');
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
