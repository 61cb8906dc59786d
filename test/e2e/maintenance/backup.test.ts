/** A backup of a registry that serves: whole as of one instant, and a registry again when it is restored. */
import { existsSync, readdirSync, readFileSync, truncateSync, watch, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { start } from '../berths.ts';
import {
  expectServed,
  imageOf,
  newImage,
  newLayer,
  openSession,
  pulledDigest,
  push,
  pushLayer,
  Pusher,
  type Image,
} from './images.ts';
import { control, fileOf, refused, scratch, startTool, tool, wellDone } from './tools.ts';

const POLL_MS = 20;

async function restored(backup: string): Promise<string> {
  const data = join(scratch(), 'restored');
  expect(await wellDone('restore', '--from', backup, '--data', data)).toContain(`Restored ${data}`);
  return data;
}

async function expectAllServed(url: string, images: readonly Image[]): Promise<void> {
  for (const image of images) await expectServed(url, image);
}

/** Of what is deleted while a backup runs. */
async function heldIsEmpty(data: string): Promise<void> {
  while (readdirSync(join(data, 'held')).length > 0) await delay(POLL_MS);
}

/** The process's state as the system's table has it: T is stopped. */
function stateOf(pid: number): string | undefined {
  return /\) (\S)/.exec(readFileSync(`/proc/${String(pid)}/stat`, 'latin1'))?.[1];
}

test('what was pushed before a backup is in it, while pushes go on; and the next one copies only what is new', async () => {
  const berth = await start();
  const large = imageOf('large', 'manifest', [newLayer(), newLayer(3_000_000)], { filling: 'x'.repeat(100_000) });
  await push(berth.url, large);
  const pushers = ['team/a', 'team/b', 'c'].map((repository) => new Pusher(berth.url, repository));
  while (pushers.some(({ answered }) => answered.length < 3)) await delay(POLL_MS);

  const backup = join(scratch(), 'backup');
  const before = [large, ...pushers.flatMap(({ answered }) => answered)];
  const first = await wellDone('backup', '--to', backup, '--data', berth.data);
  // Each goes on to push, however many it got answered meanwhile.
  const counts = pushers.map(({ answered }) => answered.length);
  while (pushers.some(({ answered }, index) => answered.length <= (counts[index] ?? 0))) await delay(POLL_MS);
  const between = pushers.flatMap(({ answered }) => answered);
  const copy = await start({ data: await restored(backup) });
  await expectAllServed(copy.url, before);
  expect(await wellDone('verify', '--data', copy.data)).toContain('All is well');
  // Whatever else came into it is whole as well.
  for (const image of between) {
    const { status } = await fetch(`${copy.url}/v2/${image.repository}/manifests/${image.tag}`);
    if (status === 200) await expectServed(copy.url, image);
  }

  const second = await wellDone('backup', '--to', backup, '--data', berth.data);
  await Promise.all(pushers.map((pusher) => pusher.stop()));
  expect(await wellDone('verify', '--data', backup)).toContain('All is well');
  const [copiedFirst = 0, copiedSecond = 0] = [first, second].map((said) => Number(/Copied (\d+)/.exec(said)?.[1]));
  expect(copiedFirst).toBeGreaterThan(before.length);
  expect(copiedSecond).toBeGreaterThan(0);
  expect(Number(/(\d+) blobs,/.exec(second)?.[1])).toBe(copiedFirst + copiedSecond);
  const again = await start({ data: await restored(backup) });
  await expectAllServed(again.url, between);
});

test('a registry that does not run is backed up as well, and its backup can be served', async () => {
  const berth = await start();
  const image = newImage('quiet', 'latest');
  await push(berth.url, image);
  await berth.stop();
  const backup = join(scratch(), 'backup');
  await wellDone('backup', '--to', backup, '--data', berth.data);
  const served = await start({ data: backup });
  await expectServed(served.url, image);
  // From then on it is a registry of its own, which no backup may replace.
  expect(await refused('backup', '--to', backup, '--data', berth.data)).toContain('a registry of its own');
});

test.each([
  ['that streamed', 9_000_000],
  ['of one short PATCH', 1_000],
])(
  'an unfinished upload %s is not in a backup: its session is unknown after a restore, and the blob can be pushed anew',
  async (_kind, size) => {
    const berth = await start();
    const layer = newLayer(10_000_000);
    const session = await openSession(berth.url, 'uploads');
    const patched = await fetch(session, { method: 'PATCH', body: layer.bytes.subarray(0, size) });
    expect(patched.status).toBe(202);
    const backup = join(scratch(), 'backup');
    await wellDone('backup', '--to', backup, '--data', berth.data);
    const copy = await start({ data: await restored(backup) });
    const moved = new URL(new URL(patched.headers.get('location') ?? '', session).pathname, copy.url);
    for (const method of ['GET', 'PATCH', 'PUT', 'DELETE']) {
      const url = method === 'PUT' ? `${moved.href}?digest=${layer.digest}` : moved;
      const response = await fetch(url, {
        method,
        ...(method === 'PATCH' ? { body: layer.bytes.subarray(size, size + 1_000) } : {}),
      });
      expect(response.status, method).toBe(404);
      expect(await response.text()).toContain('BLOB_UPLOAD_UNKNOWN');
    }
    expect(await pushLayer(copy.url, 'uploads', layer)).toBe('pushed');
    expect(await pulledDigest(copy.url, 'uploads', layer.digest)).toBe(layer.digest);
    expect(await wellDone('verify', '--data', copy.data)).not.toContain('unfinished');
  },
);

test('what the registry had lost is told of, and does not stand in the way of a restore', async () => {
  const berth = await start();
  const [lost, kept] = [newImage('lost', 'latest'), newImage('kept', 'latest')];
  await push(berth.url, lost);
  await push(berth.url, kept);
  await berth.stop();
  const digest = lost.layers[1]?.digest ?? '';
  truncateSync(fileOf(berth.data, digest), 5);
  const backup = join(scratch(), 'backup');
  const { code, out } = await tool('backup', '--to', backup, '--data', berth.data);
  expect(code).toBe(1);
  expect(out).toContain(`The registry has lost ${digest}`);
  const copy = await start({ data: await restored(backup) });
  await expectServed(copy.url, kept);
  expect(await pulledDigest(copy.url, 'lost', digest)).toBe(404);
});

test('only one backup or verify works at a time, and what is deleted meanwhile goes when its client has gone', async () => {
  const berth = await start();
  const layer = newLayer();
  await push(berth.url, imageOf('one', 'latest', [layer]));
  await berth.stop();
  truncateSync(fileOf(berth.data, layer.digest), 5);
  const again = await start({ data: berth.data });
  const holder = await control(again.data);
  expect(await holder.ask('pause')).toBe('hold comes first');
  expect(await holder.ask('hold')).toBe('ok');
  const backup = join(scratch(), 'backup');
  const line = `${again.data}: another backup or verify runs here. Wait for it, then try again.`;
  expect(await refused('backup', '--to', backup, '--data', again.data)).toBe(line);
  expect(await refused('verify', '--data', again.data)).toBe(line);
  // The damaged file gives way to a new one.
  expect(await pulledDigest(again.url, 'one', layer.digest)).toBe(404);
  const kept = once(watch(join(again.data, 'held')), 'change');
  expect(await pushLayer(again.url, 'one', layer)).toBe('pushed');
  await kept;
  expect(readdirSync(join(again.data, 'held'))).toHaveLength(1);
  holder.leave();
  await heldIsEmpty(again.data);
  await wellDone('backup', '--to', backup, '--data', again.data);
});

test('a backup that is killed leaves the registry serving, and half a backup that nobody takes for a whole one', async () => {
  const berth = await start();
  const images = [newImage('a', 'latest'), newImage('b', 'latest')];
  for (const image of images) await push(berth.url, image);
  const target = join(scratch(), 'backup');
  await mkdir(target);
  const begun = once(watch(target), 'change');
  const killed = startTool('backup', '--to', target, '--data', berth.data);
  await begun;
  killed.kill();
  await killed.ended;
  await expectAllServed(berth.url, images);
  await heldIsEmpty(berth.data);
  expect(existsSync(join(target, 'version.json'))).toBe(false);
  writeFileSync(join(target, 'backup.json'), '{"state":"unfinished"}\n');
  const data = join(scratch(), 'data');
  expect(await refused('restore', '--from', target, '--data', data)).toContain('is an unfinished backup');
  await mkdir(join(target, 'state.new'), { recursive: true });
  expect(await wellDone('backup', '--to', target, '--data', berth.data)).toContain('2 repositories');
  expect(readdirSync(target).sort()).toEqual([
    ...['backup.json', 'blobs', 'lock', 'registry-id', 'state', 'uploads', 'version.json'],
  ]);
});

test('a client that asks for a standstill and hangs costs ten seconds, and is told that it had too long', async () => {
  const berth = await start();
  const image = newImage('still', 'latest');
  const client = await control(berth.data);
  expect(await client.ask('hold')).toBe('ok');
  expect(await client.ask('pause')).toBe('ok');
  expect(stateOf(berth.workerdPid)).toBe('T');
  // It waits for the registry to go on.
  await push(berth.url, image);
  expect(stateOf(berth.workerdPid)).not.toBe('T');
  expect(await client.ask('resume')).toBe('it did not stand still long enough');
  expect(await client.ask('pause')).toBe('ok');
  client.leave();
  await expectServed(berth.url, image);
});

test('a registry that is told to stop during a standstill stops as always', async () => {
  const berth = await start();
  const client = await control(berth.data);
  expect(await client.ask('hold')).toBe('ok');
  expect(await client.ask('pause')).toBe('ok');
  const stopping = performance.now();
  expect(await berth.stop()).toEqual({ code: 0, signal: null });
  expect(performance.now() - stopping).toBeLessThan(8_000);
});

test('a data directory whose path is too long for a socket is backed up while it serves all the same', async () => {
  const data = join(scratch(), 'd'.repeat(120));
  const berth = await start({ data });
  const image = newImage('long', 'latest');
  await push(berth.url, image);
  const backup = join(scratch(), 'backup');
  await wellDone('backup', '--to', backup, '--data', data);
  // A kill would leave its sockets behind.
  await berth.stop();
  await expectServed((await start({ data: await restored(backup) })).url, image);
});

test('a directory that holds other things, and the data directory itself, are no place for a backup', async () => {
  const berth = await start();
  const other = scratch();
  writeFileSync(join(other, 'letter.txt'), 'dear');
  expect(await refused('backup', '--to', other, '--data', berth.data)).toContain('holds other files');
  expect(readdirSync(other)).toEqual(['letter.txt']);
  expect(await refused('backup', '--to', join(berth.data, 'backup'), '--data', berth.data)).toContain(
    'lie in one another',
  );
  expect(existsSync(join(berth.data, 'backup'))).toBe(false);
  expect(await refused('backup', '--to', join(other, 'no', 'such'), '--data', berth.data)).toContain('Make that first');
  expect(await refused('backup', '--to', join(other, 'new'), '--data', other)).toContain('holds no data of Berth');
});

test('data in the emulator of the bucket are not for these tools', async () => {
  const berth = await start({ storage: 'r2' });
  const line = /keeps its blobs in the bucket's emulator \(--storage r2\); npm run \w+ knows the filesystem only/;
  expect(await refused('verify', '--data', berth.data)).toMatch(line);
  expect(await refused('backup', '--to', join(scratch(), 'new'), '--data', berth.data)).toMatch(line);
});
