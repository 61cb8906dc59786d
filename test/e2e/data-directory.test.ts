/** The directory behind `npm start -- --data`: it outlives the process, and belongs to one process and one version at a time. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { expect, onTestFinished, test } from 'vitest';
import { SCHEMA_VERSIONS } from '../../standalone/schema-versions.ts';
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
    `${first.data} is in use by another Berth. Stop that one, or choose another directory and port: --data DIR --port N`,
  ]);
  expect((await fetch(`${first.url}/v2/`)).status).toBe(200);
});

test('data of a newer Berth are refused and left alone', async () => {
  const first = await start();
  await first.stop();
  const file = join(first.data, 'version.json');
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
    version: 1,
    storage: 'filesystem',
    schemas: SCHEMA_VERSIONS,
  });
  writeFileSync(file, '{"version":2}\n');
  const { code, said } = await refusal({ data: first.data });
  expect(code).toBe(1);
  expect(said).toEqual([
    `${first.data} was written by a newer Berth (data version 2, this one knows 1). Update Berth, or choose another directory: --data DIR`,
  ]);
  expect(readFileSync(file, 'utf8')).toBe('{"version":2}\n');
});

test('data that a newer Berth has opened, whose objects may be newer, are refused and left alone', async () => {
  const first = await start();
  await first.stop();
  const file = join(first.data, 'version.json');
  for (const [name, theirs, ours] of [
    ['Catalog', SCHEMA_VERSIONS.Catalog + 1, SCHEMA_VERSIONS.Catalog],
    ['Dreams', 1, 0],
  ] as const) {
    const written = JSON.stringify({
      version: 1,
      storage: 'filesystem',
      schemas: { ...SCHEMA_VERSIONS, [name]: theirs },
    });
    writeFileSync(file, written);
    const { code, said } = await refusal({ data: first.data });
    expect(code).toBe(1);
    expect(said).toEqual([
      `${first.data} was written by a newer Berth (schema of ${name} ${String(theirs)}, this one knows ${String(ours)}). Update Berth, or choose another directory: --data DIR`,
    ]);
    expect(readFileSync(file, 'utf8')).toBe(written);
  }
});

test('data of an older Berth are noted as those of the present one before any of them is', async () => {
  const first = await start();
  await first.stop();
  const file = join(first.data, 'version.json');
  writeFileSync(file, JSON.stringify({ version: 1, storage: 'filesystem', schemas: { Repository: 1 } }));
  const again = await startAgain(first);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ schemas: SCHEMA_VERSIONS });
  await again.stop();
});

test('a start that fails before workerd runs leaves data of an older Berth to that, and a backup what it is', async () => {
  const data = mkdtempSync(join(tmpdir(), 'berth-older-'));
  onTestFinished(() => {
    rmSync(data, { recursive: true, force: true });
  });
  const files = {
    'version.json': JSON.stringify({ version: 1, storage: 'filesystem', schemas: { Repository: 1 } }),
    'backup.json': JSON.stringify({ state: 'unfinished' }),
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(data, name), content);
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  onTestFinished(() => {
    other.close();
  });
  const { port } = v.parse(v.object({ port: v.number() }), other.address());
  const { code, said } = await refusal({ data, port });
  expect({ code, said }).toEqual({ code: 1, said: [expect.stringContaining(`port ${String(port)} is taken`)] });
  for (const [name, content] of Object.entries(files)) expect(readFileSync(join(data, name), 'utf8')).toBe(content);
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
    `${foreign} holds other files and no data of Berth. Choose an empty or new directory: --data DIR`,
  ]);
  expect(existsSync(join(foreign, 'lock'))).toBe(false);
});

test('a data directory whose parent is missing, and one that is a file, are refused', async () => {
  const holder = await start();
  const orphan = join(holder.data, 'missing', 'data');
  expect(await refusal({ data: orphan })).toEqual({
    code: 1,
    said: [
      `${orphan} can't be made: its parent directory does not exist; make that first. Or choose another: --data DIR`,
    ],
  });
  const file = join(holder.data, 'version.json');
  expect(await refusal({ data: file })).toEqual({
    code: 1,
    said: [`${file} is a file, not a directory. Choose another: --data DIR`],
  });
  const below = join(file, 'data');
  expect(await refusal({ data: below })).toEqual({
    code: 1,
    said: [`${below} can't be made: part of its path is a file, not a directory. Or choose another: --data DIR`],
  });
});

test('the data directory is for its owner alone, also one that was there and empty', async () => {
  const parent = await start();
  const [made, found] = [join(parent.data, 'made'), join(parent.data, 'found')];
  mkdirSync(found);
  chmodSync(found, 0o777);
  for (const data of [made, found]) {
    const own = await start({ data });
    expect(statSync(data).mode & 0o7777).toBe(0o700);
    await own.stop();
  }
});

test('a data directory that others could write is refused until its owner has judged it', async () => {
  const used = await start();
  await used.stop();
  for (const mode of [0o770, 0o707, 0o777]) {
    chmodSync(used.data, mode);
    expect(await refusal({ data: used.data })).toEqual({
      code: 1,
      said: [
        `${used.data} can be written by other users (mode ${mode.toString(8)}). If nobody else has written there, take that away (chmod go-w ${used.data}) and start again; or choose another: --data DIR`,
      ],
    });
    expect(statSync(used.data).mode & 0o7777).toBe(mode);
  }
  // Who may look is the owner's business.
  chmodSync(used.data, 0o755);
  const again = await startAgain(used);
  await again.stop();
});

test("a data directory of another user's is refused", async (context) => {
  if (process.geteuid?.() !== 0) return context.skip('only root can give a directory away');
  const used = await start();
  await used.stop();
  chownSync(used.data, 12_345, 12_345);
  const { code, said } = await refusal({ data: used.data });
  expect(code).toBe(1);
  expect(said).toEqual([
    `${used.data} belongs to another user (uid 12345; this is 0). Start Berth as that one, give it away (chown -R 0 ${used.data}), or choose another: --data DIR`,
  ]);
});

test("what root has restored is refused to the service's user, with whose it is and how to give it away", async (context) => {
  if (process.geteuid?.() !== 0) return context.skip('only root can give a directory away');
  const used = await start();
  await used.stop();
  const user = 65_534;
  const within = ['setpriv', `--reuid=${String(user)}`, `--regid=${String(user)}`, '--clear-groups'];
  const refused = async (): Promise<readonly string[]> => (await refusal({ data: used.data, within })).said;
  const lineOf = (file: string): string =>
    `${file} belongs to another user (uid 0; this is ${String(user)}), and this one may not use it. If ${used.data} holds data of Berth, give all of it to this one (chown -R ${String(user)} ${used.data}); or choose another: --data DIR`;
  expect(await refused()).toEqual([lineOf(used.data)]);
  // The directory alone, then what lies in it, then all but one file.
  lchownSync(used.data, user, user);
  const tops = readdirSync(used.data).map((name) => lineOf(join(used.data, name)));
  expect(tops).toContain((await refused())[0]);
  const all = readdirSync(used.data, { recursive: true, encoding: 'utf8' }).map((name) => join(used.data, name));
  const database = all.find((file) => file.includes('/state/do/') && file.endsWith('.sqlite')) ?? '';
  for (const file of all) if (file !== database) lchownSync(file, user, user);
  expect(await refused()).toEqual([lineOf(database)]);
  lchownSync(database, user, user);
  const key = join(used.data, 'encryption-key');
  lchownSync(key, 0, 0);
  expect(await refused()).toEqual([lineOf(key)]);
  // Everybody may read it, and only its owner change that.
  chmodSync(key, 0o666);
  expect(await refused()).toEqual([
    `${key} is not this user's (uid ${String(user)}) to read. Keep it, and give all that is there to this one: chown -R ${String(user)} ${used.data}`,
  ]);
});

test('a symbolic link is refused, with the directory that it leads to', async () => {
  const used = await start();
  await used.stop();
  const link = `${used.data}-link`;
  symlinkSync(used.data, link);
  onTestFinished(() => {
    rmSync(link);
  });
  const { code, said } = await refusal({ data: link });
  expect(code).toBe(1);
  expect(said).toEqual([
    `${link} is a symbolic link. Name the directory that it leads to: npm start -- --data ${realpathSync(used.data)}`,
  ]);
});
