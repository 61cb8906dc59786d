/** Databases that change while they are copied: what the last pass leaves is what was there then. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StateCopy } from '../../../../standalone/maintenance/state-copy.ts';

let root = '';
let from = '';
let to = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'berth-test-'));
  [from, to] = [join(root, 'from'), join(root, 'to')];
  mkdirSync(join(from, 'berth-Repository'), { recursive: true });
  mkdirSync(join(from, 'berth-Upload'));
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

/** As long ago as a change has to be for its time to tell it from the next. */
function write(name: string, content: string, secondsAgo = 60): void {
  const path = join(from, 'berth-Repository', name);
  writeFileSync(path, content);
  const time = Date.now() / 1_000 - secondsAgo;
  utimesSync(path, time, time);
}

function copied(): Record<string, string> {
  const directory = join(to, 'berth-Repository');
  return Object.fromEntries(readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), 'utf8')]));
}

describe('a copy of the state', () => {
  it('has the databases and their logs, and neither shared memory nor what is left out', () => {
    write('a.sqlite', 'database');
    write('a.sqlite-wal', 'log');
    write('a.sqlite-shm', 'memory');
    writeFileSync(join(from, 'berth-Upload', 'u.sqlite'), 'upload');
    new StateCopy(from, to, (name) => name === 'berth-Upload').pass();
    expect(copied()).toEqual({ 'a.sqlite': 'database', 'a.sqlite-wal': 'log' });
    expect(readdirSync(to)).toEqual(['berth-Repository']);
  });

  it('takes up in its next pass what changed, and copies nothing else again', () => {
    write('a.sqlite', 'old');
    write('b.sqlite', 'same');
    const copy = new StateCopy(from, to, () => false);
    expect(copy.pass()).toBe(7);
    write('a.sqlite', 'new and longer', 30);
    expect(copy.pass()).toBe(14);
    expect(copied()).toEqual({ 'a.sqlite': 'new and longer', 'b.sqlite': 'same' });
    expect(copy.pass()).toBe(0);
  });

  it('copies again what changed so lately that another change could look the same', () => {
    write('a.sqlite', 'one', 0);
    const copy = new StateCopy(from, to, () => false);
    expect(copy.pass()).toBe(3);
    expect(copy.pass()).toBe(3);
  });

  it('takes up a file that was replaced by another of the same size and time', () => {
    write('a.sqlite', 'one');
    write('b.sqlite', 'two');
    const copy = new StateCopy(from, to, () => false);
    copy.pass();
    const path = join(from, 'berth-Repository', 'a.sqlite');
    renameSync(join(from, 'berth-Repository', 'b.sqlite'), path);
    copy.pass();
    expect(copied()).toEqual({ 'a.sqlite': 'two' });
  });

  it('loses a log that the database has no more, which would damage it', () => {
    write('a.sqlite', 'database');
    write('a.sqlite-wal', 'log');
    const copy = new StateCopy(from, to, () => false);
    copy.pass();
    write('a.sqlite', 'database with log', 30);
    rmSync(join(from, 'berth-Repository', 'a.sqlite-wal'));
    copy.pass();
    expect(copied()).toEqual({ 'a.sqlite': 'database with log' });
  });

  it('is empty for a registry that nobody has written to', () => {
    expect(new StateCopy(join(root, 'none'), to, () => false).pass()).toBe(0);
  });
});
