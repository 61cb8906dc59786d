/** What lies on the disk when a push is answered: bytes, the names that lead to them, and the rows that name these. */
import { createHash, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { start } from '../berths.ts';
import { openUpload, pushBlob } from '../blobs.ts';
import { SystemCalls } from './system-calls.ts';

const SMALL_BYTES = 100_000;
/** Of more than one part. */
const LARGE_BYTES = 20 * 1024 * 1024;

test('a whole body is synced, then named, and its name is synced, before 201; so are the rows', async (context) => {
  const berth = await start();
  // What an object writes when it is first used is not what is looked at here.
  await pushBlob(berth, randomBytes(SMALL_BYTES));
  const calls = await SystemCalls.of(context, [berth.pid, berth.workerdPid]);
  await pushBlob(berth, randomBytes(SMALL_BYTES));
  const seen = await calls.stop();
  const renamed = indexOf(seen, /^rename\(".*\/uploads\/put-/);
  expect(indexOf(seen, /^fdatasync\(\d+<.*\/uploads\/put-/)).toBeLessThan(renamed);
  expect(lastIndexOf(seen, /^fsync\(\d+<.*\/blobs\/[0-9a-f]{2}>/)).toBeGreaterThan(renamed);
  // The key is written down before the first byte, and its owner after the last.
  expect(indexOf(seen, /^f(data)?sync\(.*\/berth-Repository\//)).toBeLessThan(indexOf(seen, /^fdatasync/));
  for (const object of ['BlobDirectory', 'Repository']) {
    expect(lastIndexOf(seen, new RegExp(`^f(data)?sync\\(.*/berth-${object}/`))).toBeGreaterThan(renamed);
  }
});

test('each part of a PATCH is synced before its row, and the object is named last', async (context) => {
  const berth = await start();
  await pushBlob(berth, randomBytes(SMALL_BYTES));
  const bytes = randomBytes(LARGE_BYTES);
  const upload = await openUpload(berth);
  const calls = await SystemCalls.of(context, [berth.pid, berth.workerdPid]);
  const patched = await fetch(upload, { method: 'PATCH', body: new Blob([bytes]).stream(), duplex: 'half' });
  expect(patched.status).toBe(202);
  upload.searchParams.set('digest', `sha256:${createHash('sha256').update(bytes).digest('hex')}`);
  expect((await fetch(upload, { method: 'PUT' })).status).toBe(201);
  const seen = await calls.stop();
  const renamed = indexOf(seen, /^rename\(".*\/uploads\/[0-9a-f]{32}-[0-9a-f]{8}"/);
  const parts = seen.filter((call) => /^f(data)?sync\(\d+<.*\/uploads\/[0-9a-f]{32}-[0-9a-f]{8}>/.test(call));
  expect(parts.length).toBeGreaterThanOrEqual(3);
  expect(indexOf(seen, /^fsync\(\d+<.*\/uploads>/)).toBeLessThan(renamed);
  expect(lastIndexOf(seen, /^f(data)?sync\(\d+<.*\/uploads\/[0-9a-f]{32}-[0-9a-f]{8}>/)).toBeLessThan(renamed);
  expect(lastIndexOf(seen, /^fsync\(\d+<.*\/blobs\/[0-9a-f]{2}>/)).toBeGreaterThan(renamed);
  expect(lastIndexOf(seen, /^f(data)?sync\(.*\/berth-Repository\//)).toBeGreaterThan(renamed);
});

test('with --no-sync no blob waits for the disk', async (context) => {
  const berth = await start({ sync: false });
  await pushBlob(berth, randomBytes(SMALL_BYTES));
  const calls = await SystemCalls.of(context, [berth.pid, berth.workerdPid]);
  await pushBlob(berth, randomBytes(SMALL_BYTES));
  const seen = await calls.stop();
  expect(indexOf(seen, /^rename\(".*\/uploads\/put-/)).toBeGreaterThanOrEqual(0);
  expect(seen.filter((call) => /^f(data)?sync\(\d+<.*\/(uploads|blobs)\b/.test(call))).toEqual([]);
});

/** Fails when no call is like that. */
function indexOf(calls: readonly string[], pattern: RegExp): number {
  expect(calls).toContainEqual(expect.stringMatching(pattern));
  return calls.findIndex((call) => pattern.test(call));
}

function lastIndexOf(calls: readonly string[], pattern: RegExp): number {
  expect(calls).toContainEqual(expect.stringMatching(pattern));
  return calls.findLastIndex((call) => pattern.test(call));
}
