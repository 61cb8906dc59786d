/** A reader that is slow, has stopped or has gone: pipes and files of this test's own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex, PassThrough, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { MOST_WAITING_BYTES, Output } from '../../../standalone/output.ts';

const LINE = 'x'.repeat(999);
const told = (lines: number): string => `lost ${String(lines)}`;

it('keeps no more than its limit for a reader that reads nothing, and says how many lines are missing', async () => {
  const stream = new PassThrough();
  const output = new Output(stream, told);
  const lines = Math.ceil((2 * MOST_WAITING_BYTES) / (LINE.length + 1));
  for (let line = 0; line < lines; line += 1) output.line(LINE);
  expect(stream.writableLength + stream.readableLength).toBeLessThan(MOST_WAITING_BYTES + 128 * 1024);
  const reading = text(stream);
  await once(stream, 'drain');
  output.line('the next');
  stream.end();
  const read = (await reading).trimEnd().split('\n');
  const kept = read.filter((line) => line === LINE).length;
  expect(read.slice(kept)).toEqual([`lost ${String(lines - kept)}`, 'the next']);
});

it('goes on without a reader that has gone', () => {
  const stream = new Writable({
    write: (_, __, done) => {
      done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    },
  });
  const output = new Output(stream, told);
  expect(() => {
    for (let line = 0; line < 10; line += 1) output.line(LINE);
  }).not.toThrow();
});

it('writes to a file again when its full disk has room, and tears no line', () => {
  const directory = mkdtempSync(join(tmpdir(), 'berth-output-'));
  onTestFinished(() => {
    rmSync(directory, { recursive: true });
  });
  const file = openSync(join(directory, 'log'), 'a');
  const stream = Object.assign(new PassThrough(), { fd: file });
  const output = new Output(stream, told);
  output.line('one');
  closeSync(file);
  // The same number, of what can't be written now, and then of the file again.
  const broken = openSync(join(directory, 'log'), 'r');
  expect(broken).toBe(file);
  output.line('two');
  output.line('three');
  closeSync(broken);
  expect(openSync(join(directory, 'log'), 'a')).toBe(file);
  output.line('four');
  closeSync(file);
  expect(readFileSync(join(directory, 'log'), 'utf8')).toBe('one\nfour\nlost 2\n');
});

it('does not hold a program up whose terminal stands still', { timeout: 60_000 }, async () => {
  // `script` gives it a terminal. Nobody reads what `script` prints, so that terminal takes some kilobytes and then no more.
  const program = join(import.meta.dirname, 'printing-program.ts');
  const child = spawn('script', ['-qec', `'${process.execPath}' '${program}'`, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'ignore', 'pipe'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  child.stdout?.pause();
  const report = child.stdio[3];
  if (!(report instanceof Duplex)) throw new Error('there is no pipe');
  expect(String((await once(report, 'data'))[0])).toBe('still alive\n');
});
