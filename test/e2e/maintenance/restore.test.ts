/** A restore takes a whole backup to an empty place, or nothing to anywhere; half of one is never served. */
import { rmSync, truncateSync, watch } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { once } from 'node:events';
import { join } from 'node:path';
import { Buffer } from 'node:buffer';
import * as v from 'valibot';
import { expect, test, vi } from 'vitest';
import { refusal, start } from '../berths.ts';
import { imageOf, newLayer, push } from './images.ts';
import { blobFiles, refused, scratch, startTool, wellDone } from './tools.ts';

/** A registry with one image in it, and a backup of it. */
async function backedUp(): Promise<{ data: string; backup: string }> {
  const { url, data } = await start();
  await push(url, imageOf('one', 'latest', [newLayer(), newLayer(5_000_000)]));
  const backup = join(scratch(), 'backup');
  await wellDone('backup', '--to', backup, '--data', data);
  return { data, backup };
}

test('a directory that is not empty, or in use, is refused', async () => {
  const { data, backup } = await backedUp();
  expect(await refused('restore', '--from', backup, '--data', data)).toContain(`${data} is not empty`);
  expect(await refused('restore', '--from', backup, '--data', join(scratch(), 'a', 'b'))).toContain('Make that first');
});

test('what is no backup, or lacks a file, is refused, and nothing is left behind', async () => {
  const { data, backup } = await backedUp();
  const target = join(scratch(), 'data');
  expect(await refused('restore', '--from', data, '--data', target)).toContain('is no backup: it has no backup.json');
  truncateSync(blobFiles(backup)[0] ?? '', 3);
  const line = await refused('restore', '--from', backup, '--data', target);
  expect(line).toContain(`${backup} is not whole: 1 blob is missing or cut short, sha256:`);
  expect(await readdir(target)).toEqual(['lock']);
  // The advice that it gives.
  await wellDone('backup', '--to', backup, '--data', data);
  await wellDone('restore', '--from', backup, '--data', target);
  expect(await wellDone('verify', '--data', target)).toContain('All is well: 2 blobs');
});

test('half a restore is refused by npm start and by another restore, with what to do', async () => {
  const { backup } = await backedUp();
  const target = join(scratch(), 'data');
  await mkdir(target);
  const begun = once(watch(target), 'change');
  const killed = startTool('restore', '--from', backup, '--data', target);
  await begun;
  killed.kill();
  await killed.ended;
  // As it may have been in any moment before the last step.
  await mkdir(join(target, 'state'), { recursive: true });
  rmSync(join(target, 'version.json'), { force: true });
  const { code, said } = await refusal({ data: target });
  expect(code).toBe(1);
  expect(said).toEqual([expect.stringContaining(`${target} is half a backup or restore: it has no version.json`)]);
  expect(await refused('restore', '--from', backup, '--data', target)).toContain('Delete it');
  expect(await refused('verify', '--data', target)).toContain('half a copy');
});

test('a restore says what to type when nothing is named', async () => {
  const { ended } = startTool('restore');
  const { code, errors } = await ended;
  expect(code).toBe(2);
  expect(errors.trim().split('\n')).toHaveLength(1);
});

const PASSWORD = 'secret-of-the-administrator';
const Events = v.object({
  events: v.array(
    v.object({
      id: v.string(),
      data: v.object({ berth: v.object({ incarnation: v.string(), sequence: v.number() }) }),
    }),
  ),
  next: v.string(),
});

/** What the registry told of after a cursor, once it has told of so many events. */
async function eventsAfter(url: string, cursor: string, count: number) {
  return vi.waitFor(
    async () => {
      const authorization = `Basic ${Buffer.from(`admin:${PASSWORD}`).toString('base64')}`;
      const response = await fetch(`${url}/admin/events?after=${cursor}`, { headers: { authorization } });
      const { events, next } = v.parse(Events, await response.json());
      expect(events.length).toBeGreaterThanOrEqual(count);
      return { next, told: events.map(({ data }) => data.berth) };
    },
    { timeout: 60_000, interval: 200 },
  );
}

test('what happens after a restore is new to whoever was told of what happened after the backup', async () => {
  const environment = { BERTH_EVENTS: 'on', BERTH_ADMIN_PASSWORD: PASSWORD };
  const first = await start({ environment });
  const image = imageOf('one', 'latest', [newLayer()]);
  await push(first.url, image);
  const before = await eventsAfter(first.url, '0', 3);
  const backup = join(scratch(), 'backup');
  await wellDone('backup', '--to', backup, '--data', first.data);
  await push(first.url, image);
  const after = await eventsAfter(first.url, before.next, 1);
  const data = join(scratch(), 'data');
  await wellDone('restore', '--from', backup, '--data', data);
  const restored = await start({ data, environment });
  await push(restored.url, image);
  const { told } = await eventsAfter(restored.url, after.next, 1);
  // The same number once more, in another store, behind the cursor that was known; and at once.
  expect(told.map(({ sequence }) => sequence)).toEqual(after.told.map(({ sequence }) => sequence));
  expect(told[0]?.incarnation).not.toBe(before.told[0]?.incarnation);
});
