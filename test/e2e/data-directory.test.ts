/** The directory behind `npm start -- --data`: it outlives the process, and belongs to one process and one version at a time. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { refusal, start, startAgain } from './berths.ts';
import { pullBlob, pushBlob } from './blobs.ts';

test('what was pushed is there after a restart on the same data', async () => {
  const bytes = randomBytes(100_000);
  const before = await start();
  const digest = await pushBlob(before, bytes);
  expect(await before.stop()).toEqual({ code: 0, signal: null });
  const after = await startAgain(before);
  expect(after.port).toBe(before.port);
  expect((await pullBlob(after, digest)).equals(bytes)).toBe(true);
});

test('a second Berth on the same data is refused, and the first one goes on', async () => {
  const first = await start();
  const { code, said } = await refusal({ data: first.data });
  expect(code).toBe(1);
  expect(said).toEqual([
    `${first.data} is in use by another Berth. Stop that one, or choose another directory: npm start -- --data DIR`,
  ]);
  expect((await fetch(`${first.url}/v2/`)).status).toBe(200);
});

test('data of a newer Berth are refused and left alone', async () => {
  const first = await start();
  await first.stop();
  const file = join(first.data, 'version.json');
  expect(readFileSync(file, 'utf8')).toBe('{"version":1,"storage":"filesystem"}\n');
  writeFileSync(file, '{"version":2}\n');
  const { code, said } = await refusal({ data: first.data });
  expect(code).toBe(1);
  expect(said).toEqual([
    `${first.data} was written by a newer Berth (data version 2, this one knows 1). Update Berth, or choose another directory: npm start -- --data DIR`,
  ]);
  expect(readFileSync(file, 'utf8')).toBe('{"version":2}\n');
});

test('data of the other storage are refused, with the option that serves them', async () => {
  for (const [kind, other] of [
    ['r2', 'filesystem'],
    ['filesystem', 'r2'],
  ] as const) {
    const first = await start({ storage: kind });
    await first.stop();
    const { code, said } = await refusal({ data: first.data, storage: other });
    expect(code).toBe(1);
    expect(said).toHaveLength(1);
    expect(said[0]).toContain(`Start with --storage ${kind} to go on with it`);
  }
});

test('data from before there were two kinds of storage are of the emulator', async () => {
  const first = await start({ storage: 'r2' });
  await first.stop();
  writeFileSync(join(first.data, 'version.json'), '{"version":1}\n');
  const again = await start({ data: first.data, storage: 'r2' });
  await again.stop();
  const { said } = await refusal({ data: first.data });
  expect(said[0]).toContain('Start with --storage r2 to go on with it');
});

test('a damaged version file is refused', async () => {
  const first = await start();
  await first.stop();
  const file = join(first.data, 'version.json');
  writeFileSync(file, '');
  const { code, said } = await refusal({ data: first.data });
  expect(code).toBe(1);
  expect(said).toEqual([`${file} is damaged: it should say {"version":1}. Restore it, then start again.`]);
});

test('a directory that holds other things is refused and left alone', async () => {
  const home = await start();
  const foreign = join(home.data, 'state');
  const { code, said } = await refusal({ data: foreign });
  expect(code).toBe(1);
  expect(said).toEqual([
    `${foreign} holds other files and no data of Berth. Choose an empty or new directory: npm start -- --data DIR`,
  ]);
  expect(existsSync(join(foreign, 'lock'))).toBe(false);
});

test('a data directory whose parent is missing, and one that is a file, are refused', async () => {
  const holder = await start();
  const orphan = join(holder.data, 'missing', 'data');
  expect(await refusal({ data: orphan })).toEqual({
    code: 1,
    said: [
      `${orphan} can't be made: its parent directory does not exist; make that first. Or choose another: npm start -- --data DIR`,
    ],
  });
  const file = join(holder.data, 'version.json');
  expect(await refusal({ data: file })).toEqual({
    code: 1,
    said: [`${file} is a file, not a directory. Choose another: npm start -- --data DIR`],
  });
  const below = join(file, 'data');
  expect(await refusal({ data: below })).toEqual({
    code: 1,
    said: [
      `${below} can't be made: part of its path is a file, not a directory. Or choose another: npm start -- --data DIR`,
    ],
  });
});

test('the data directory is for its owner alone', async () => {
  const parent = await start();
  const data = join(parent.data, 'own');
  const own = await start({ data });
  expect(statSync(data).mode & 0o777).toBe(0o700);
  await own.stop();
});
