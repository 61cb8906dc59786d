import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { findSocket, socketPath } from '../../../standalone/socket-path.ts';

const NAME = 'control.socket';
const OWNER_ONLY = 0o700;

let folder: string;
let long: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-socket-'));
  long = join(folder, 'd'.repeat(120));
  mkdirSync(long);
  return () => {
    rmSync(folder, { recursive: true, force: true });
  };
});

it('lies in the data directory where its path is short enough', () => {
  const path = socketPath(folder, NAME, { RUNTIME_DIRECTORY: '/nowhere' });
  expect(path).toBe(join(folder, NAME));
  expect(findSocket(folder, NAME)).toBe(path);
});

it('lies below the runtime directory of a service otherwise, where other services find it', () => {
  const runtime = join(folder, 'run');
  mkdirSync(runtime);
  for (const given of [runtime, `${runtime}:/run/another`]) {
    const path = socketPath(long, NAME, { RUNTIME_DIRECTORY: given });
    expect(dirname(dirname(path))).toBe(runtime);
    expect(statSync(dirname(path)).mode & 0o777).toBe(OWNER_ONLY);
    expect(findSocket(long, NAME)).toBe(path);
  }
});

it.each([{}, { RUNTIME_DIRECTORY: '' }])('lies where temporary files do without one: %j', (environment) => {
  const path = socketPath(long, NAME, environment);
  onTestFinished(() => {
    rmSync(dirname(path), { recursive: true });
  });
  expect(dirname(dirname(path))).toBe(tmpdir());
  expect(findSocket(long, NAME)).toBe(path);
});
