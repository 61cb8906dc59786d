/** Blobs on their way into a backup: from their place or from where deleted ones are held, whole or not at all. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatDigest, type Digest } from '../../../../src/oci/digest.ts';
import { copyBlobs, dropUnmapped, lackingBlobs } from '../../../../standalone/maintenance/blob-copy.ts';
import { Mapping } from '../../../../standalone/maintenance/mapping.ts';

const SIZE = 5;
let root = '';
let from = '';
let to = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'berth-test-'));
  [from, to] = [join(root, 'from'), join(root, 'to')];
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function digestOf(number: number): Digest {
  return formatDigest('sha256', String(number).padStart(64, '0'));
}

function keyOf(number: number): string {
  return `blobs/0${number}/${String(number).padStart(32, '0')}`;
}

/** Of a directory that maps so many blobs. */
function mappingOf(blobs: number): Mapping {
  const directory = join(root, 'state', 'do', 'berth-BlobDirectory');
  mkdirSync(directory, { recursive: true });
  const file = join(directory, '00.sqlite');
  rmSync(file, { force: true });
  using database = new DatabaseSync(file);
  database.exec('CREATE TABLE schema_version (version); CREATE TABLE blobs (digest, key, size)');
  for (let number = 0; number < blobs; number += 1) {
    const insert = database.prepare('INSERT INTO blobs VALUES (?, ?, ?)');
    insert.run(digestOf(number), keyOf(number), SIZE);
  }
  return Mapping.read(join(root, 'state'));
}

function write(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

describe('copying blobs', () => {
  it('takes a deleted one from where it is held, and tells of one that is lost or of another size', async () => {
    write(join(from, keyOf(0)), 'place');
    write(join(from, 'held', keyOf(1).replaceAll('/', '-')), 'aside');
    write(join(from, keyOf(2)), 'short'.slice(1));
    const progress: number[] = [];
    const outcome = await copyBlobs(mappingOf(4), { from, to }, (bytes) => progress.push(bytes));
    expect({ ...outcome, lacking: [...outcome.lacking].sort() }).toEqual({
      copied: 2,
      copiedBytes: 10,
      lacking: [digestOf(2), digestOf(3)],
    });
    expect([0, 1].map((number) => readFileSync(join(to, keyOf(number)), 'utf8'))).toEqual(['place', 'aside']);
    expect(readdirSync(join(to, 'uploads'))).toEqual([]);
    expect(progress).toEqual([SIZE, SIZE, SIZE, SIZE]);
    expect((await lackingBlobs(mappingOf(4), to)).sort()).toEqual([digestOf(2), digestOf(3)]);
  });

  it('leaves what is there, replaces what broke off, and keeps what the registry has lost since', async () => {
    write(join(to, keyOf(0)), 'there');
    write(join(from, keyOf(0)), 'other');
    write(join(to, keyOf(1)), 'br');
    write(join(from, keyOf(1)), 'whole');
    write(join(to, keyOf(2)), 'saved');
    const before = statSync(join(to, keyOf(0))).ino;
    const outcome = await copyBlobs(mappingOf(3), { from, to }, () => undefined);
    expect(outcome).toEqual({ copied: 1, copiedBytes: SIZE, lacking: [] });
    expect(statSync(join(to, keyOf(0))).ino).toBe(before);
    expect(readFileSync(join(to, keyOf(1)), 'utf8')).toBe('whole');
  });

  it('drops what is mapped no more', async () => {
    for (const number of [0, 1, 2]) write(join(to, keyOf(number)), 'bytes');
    expect(await dropUnmapped(mappingOf(1), to)).toBe(2);
    expect(await lackingBlobs(mappingOf(1), to)).toEqual([]);
  });
});
