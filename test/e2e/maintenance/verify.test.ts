/** What verify says of files and databases that were damaged on purpose, and that its advice heals what it says it heals. */
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { start } from '../berths.ts';
import type { BerthProcess } from '../berth-process.ts';
import {
  digestOf,
  expectServed,
  imageOf,
  newImage,
  newLayer,
  openSession,
  pulledDigest,
  push,
  pushLayer,
  Pusher,
} from './images.ts';
import { fileOf, scratch, storeFiles, tool, wellDone } from './tools.ts';

/** A registry that was stopped after `fill` had pushed to it. */
async function stopped(fill: (berth: BerthProcess) => Promise<void>): Promise<string> {
  const berth = await start();
  await fill(berth);
  await berth.stop();
  return berth.data;
}

/** The lines that a verify says, which must have found something. */
async function findings(data: string): Promise<string[]> {
  const { code, out, errors } = await tool('verify', '--data', data);
  expect({ code, errors }, out).toEqual({ code: 1, errors: '' });
  return out.trim().split('\n');
}

function flipByte(file: string): void {
  const bytes = readFileSync(file);
  bytes.writeUInt8(bytes.readUInt8(100) ^ 1, 100);
  writeFileSync(file, bytes);
}

function change(file: string, statements: string): void {
  using database = new DatabaseSync(file, { enableForeignKeyConstraints: false });
  database.exec(statements);
}

test('a registry that has nothing, and one that takes pushes meanwhile, are well', async () => {
  const berth = await start();
  expect(await wellDone('verify', '--data', berth.data)).toContain('All is well: 0 blobs (0 bytes) and 0 manifests');
  const pushers = ['a', 'b/c'].map((repository) => new Pusher(berth.url, repository));
  for (let round = 0; round < 3; round += 1) {
    const out = await wellDone('verify', '--data', berth.data);
    expect(out.trim().split('\n').at(-1)).toContain('All is well');
    expect(out).not.toContain('Named by nothing');
  }
  await Promise.all(pushers.map((pusher) => pusher.stop()));
  expect(pushers.every(({ answered }) => answered.length > 0)).toBe(true);
});

test('files that are lost, cut short or changed are named with who links them, and the advice heals each', async () => {
  const [lost, cut, flipped, sound] = [newLayer(), newLayer(), newLayer(), newLayer()];
  const image = imageOf('team/app', 'latest', [sound, lost, cut, flipped]);
  const other = imageOf('other', 'latest', [lost]);
  const data = await stopped(async ({ url }) => {
    await push(url, image);
    await push(url, other);
  });
  const [lostFile, cutFile, flippedFile] = [lost, cut, flipped].map(({ digest }) => fileOf(data, digest));
  rmSync(lostFile ?? '');
  truncateSync(cutFile ?? '', 7);
  flipByte(flippedFile ?? '');
  const heal = (repository: string, digest: string): string =>
    `Have the registry miss it once (curl -o /dev/null http://127.0.0.1:8787/v2/${repository}/blobs/${digest}); then push it again and it heals.`;
  const name = (file = ''): string => relative(data, file);
  const expected = [
    `The blob ${lost.digest}, linked by other, team/app, is lost: there is no file ${name(lostFile)}. ${heal('other', lost.digest)}`,
    `The blob ${cut.digest}, linked by team/app, is damaged: ${name(cutFile)} has 7 bytes instead of 20000. ${heal('team/app', cut.digest)}`,
    `The blob ${flipped.digest}, linked by team/app, is damaged: ${name(flippedFile)} has other bytes. A push alone does not heal this: delete that file first. ${heal('team/app', flipped.digest)}`,
  ];
  const lines = await findings(data);
  expect(lines.slice(0, -1).sort()).toEqual([...expected].sort());
  expect(lines.at(-1)).toBe('Wrong: 3 things, in 4 blobs (80.0 kB) and 2 manifests in 2 repositories.');

  const berth = await start({ data });
  // The same while it serves.
  expect((await findings(data)).sort()).toEqual([...lines].sort());
  // As it is, nobody notices the flipped byte, and nobody pushes what HEAD says is there.
  expect(await pushLayer(berth.url, 'team/app', flipped)).toBe('there');
  expect(await pushLayer(berth.url, 'team/app', lost)).toBe('there');
  rmSync(flippedFile ?? '');
  for (const layer of [lost, cut, flipped]) {
    expect(await pulledDigest(berth.url, 'team/app', layer.digest)).toBe(404);
    expect(await pushLayer(berth.url, 'team/app', layer)).toBe('pushed');
  }
  await expectServed(berth.url, image);
  await expectServed(berth.url, other);
  expect(await wellDone('verify', '--data', data)).toContain('All is well');
});

test('a large manifest that is lost heals when it is pushed again', async () => {
  const image = imageOf('large', 'latest', [newLayer()], { filling: 'x'.repeat(100_000) });
  const data = await stopped(({ url }) => push(url, image));
  const digest = digestOf(image.manifest);
  const file = fileOf(data, digest);
  rmSync(file);
  const [line] = await findings(data);
  expect(line).toBe(
    `The manifest ${digest}, linked by large, is lost: there is no file ${relative(data, file)}. Push the manifest again and it heals.`,
  );
  const berth = await start({ data });
  await push(berth.url, image);
  await expectServed(berth.url, image);
  await wellDone('verify', '--data', data);
});

test('files that nothing names are told of with their size and left alone, and those of unfinished uploads by that name', async () => {
  const data = await stopped(async ({ url }) => {
    await push(url, newImage('a', 'latest'));
    const session = await openSession(url, 'a');
    const patched = await fetch(session, { method: 'PATCH', body: newLayer(9_000_000).bytes });
    expect(patched.status).toBe(202);
  });
  const orphan = join(data, 'blobs', 'ab', `ab${'0'.repeat(30)}`);
  mkdirSync(dirname(orphan), { recursive: true });
  writeFileSync(orphan, Buffer.alloc(1_234_567));
  const lines = (await wellDone('verify', '--data', data)).trim().split('\n');
  expect(lines).toEqual([
    expect.stringMatching(
      /^Of unfinished uploads: 1 file, \d\.\d MB\. They go when the uploads end, or a day after they began \(BERTH_UPLOAD_EXPIRY_SECONDS\)\.$/,
    ),
    `Named by nothing: 1 file, 1.2 MB, ${relative(data, orphan)} for one. They harm nothing but take space.`,
    expect.stringMatching(/^All is well: 2 blobs/),
  ]);
  expect(statSync(orphan).size).toBe(1_234_567);
});

test('a tag that points at nothing heals when it is pushed again', async () => {
  const [one, two] = [newImage('a', 'one'), newImage('a', 'two')];
  const data = await stopped(async ({ url }) => {
    await push(url, one);
    await push(url, two);
  });
  change(
    storeFiles(data, 'Repository')[0] ?? '',
    `
    UPDATE tags SET manifest = 999 WHERE name = 'two';
  `,
  );
  expect((await findings(data))[0]).toBe('The tag two in a points at nothing. Push it again and it heals.');
  const berth = await start({ data });
  await push(berth.url, two);
  await expectServed(berth.url, two);
  await wellDone('verify', '--data', data);
});

test('what no push heals is said to need a backup', async () => {
  const image = newImage('team/app', 'latest');
  const digest = digestOf(image.manifest);
  const data = await stopped(({ url }) => push(url, image));
  const [repository = ''] = storeFiles(data, 'Repository');
  change(repository, "UPDATE manifests SET bytes = CAST(replace(CAST(bytes AS TEXT), 'layers', 'lawyer') AS BLOB)");
  for (const file of storeFiles(data, 'BlobDirectory')) {
    change(
      file,
      `DELETE FROM blobs WHERE digest = '${image.layers[0]?.digest ?? ''}'; DELETE FROM claims WHERE digest = '${image.layers[1]?.digest ?? ''}'`,
    );
  }
  const lines = await findings(data);
  const heal = 'No push heals this: restore a backup.';
  expect(lines.slice(0, -1)).toEqual([
    `The manifest ${digest} in team/app is damaged: its bytes have another digest. ${heal}`,
    `${image.layers[0]?.digest ?? ''} is linked by team/app, but the directory of blobs does not know it. ${heal}`,
    `${image.layers[1]?.digest ?? ''} is linked by team/app, but the directory of blobs does not know that and may delete it. ${heal}`,
  ]);
  truncateSync(repository, 9_000);
  rmSync(`${repository}-wal`, { force: true });
  expect((await findings(data))[0]).toMatch(
    /^The database state\/do\/berth-Repository\/[0-9a-f]+\.sqlite is damaged \(.+\)\. No push heals this: restore a backup\.$/,
  );
});

test('blobs of every algorithm, and large ones, are hashed whole', async () => {
  const large = newLayer(40_000_000);
  const small = Buffer.from('{}');
  const config = { bytes: small, digest: `sha512:${createHash('sha512').update(small).digest('hex')}` };
  const data = await stopped(({ url }) => push(url, imageOf('large', 'latest', [config, large])));
  const file = fileOf(data, large.digest);
  expect(await wellDone('verify', '--data', data)).toContain('All is well: 2 blobs (40.0 MB)');
  const { atime, mtime } = statSync(file);
  const bytes = readFileSync(file);
  bytes.writeUInt8(bytes.readUInt8(39_999_999) ^ 255, 39_999_999);
  writeFileSync(file, bytes);
  // What a disk does on its own leaves no trace.
  utimesSync(file, atime, mtime);
  expect((await findings(data))[0]).toContain('has other bytes');
});

test('a directory that is none, and words that are none, are refused in one line', async () => {
  const missing = join(scratch(), 'missing');
  expect(await tool('verify', '--data', missing)).toEqual({
    code: 1,
    out: '',
    errors: `${missing} is not there or no directory. Name a data directory of Berth.\n`,
  });
  const { code, errors } = await tool('verify', '--date', 'x');
  expect({ code, errors }).toEqual({
    code: 2,
    errors: '"--date" is unknown. npm run verify -- --help lists the options.\n',
  });
  const moved = join(scratch(), 'moved');
  mkdirSync(moved);
  renameSync(moved, missing);
  expect((await tool('verify', '--data', missing)).errors).toContain('holds no data of Berth');
});
