/** deploy/berth.service: what systemd says of it, and its command, run as somebody without rights. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, onTestFinished, test, type TestContext } from 'vitest';
import { detectProgram, requireClient, unavailable, type Availability } from '../clients/client.ts';
import { CommandFailure, runCommand } from '../clients/command.ts';
import { makeScratch, type Scratch } from '../clients/scratch.ts';
import { NODE_FLAGS, PROGRAM } from '../../../standalone/node-flags.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const UNIT = readFileSync(join(ROOT, 'deploy', 'berth.service'), 'utf8');
/** `systemd-analyze security`: 10 is a service without any bounds, and this is its "OK". */
const MOST_EXPOSURE = 2;
const NOBODY = 65_534;
/** It builds and serves once, on a machine that may be busy. */
const START_LIMIT_MS = 180_000;
const IS_ROOT = process.getuid?.() === 0;

let scratch: Scratch;
beforeAll(() => {
  scratch = makeScratch();
  return () => scratch.remove();
});

/** The lines of one key. */
const valuesOf = (key: string): string[] =>
  [...UNIT.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value = '']) => value);

async function installedUnit(context: TestContext): Promise<string> {
  requireClient(context, 'systemd-analyze', await detectProgram('systemd-analyze', scratch));
  const file = join(scratch.folder('units'), 'berth.service');
  writeFileSync(file, UNIT.replaceAll('/opt/berth', ROOT));
  return file;
}

/** Whether the files of this checkout are anybody's to read, as those of an installation are. */
async function readableByAll(words: readonly string[]): Promise<Availability<readonly string[]>> {
  try {
    await runCommand('setpriv', [...words, 'test', '-r', join(ROOT, PROGRAM)], { env: scratch.env });
    return { kind: 'available', value: words };
  } catch (error) {
    if (error instanceof CommandFailure) return unavailable(`${ROOT} is not readable for everybody`, error);
    throw error;
  }
}

describe('the unit', () => {
  test('is one that systemd takes, without a warning', async (context) => {
    const { output } = await runCommand('systemd-analyze', ['verify', await installedUnit(context)], {
      env: scratch.env,
    });
    expect(output).toBe('');
  });

  test('leaves Berth little to reach', async (context) => {
    const words = ['security', '--offline=true', '--no-pager', await installedUnit(context)];
    const { output } = await runCommand('systemd-analyze', words, { env: scratch.env });
    const exposure = Number(/Overall exposure level for berth\.service: ([\d.]+)/.exec(output)?.[1]);
    expect(exposure).toBeLessThan(MOST_EXPOSURE);
  });

  test('starts what npm start does', () => {
    const program = ['/opt/berth/node_modules/.bin/node', ...NODE_FLAGS, `/opt/berth/${PROGRAM}`];
    expect(valuesOf('ExecStart')).toEqual([program.join(' ')]);
  });

  test('has certificates loaded again by the shell alone, and refuses where there are none', async () => {
    const [, program = ''] = /^\/bin\/sh -c '(.*)'$/.exec(valuesOf('ExecReload')[0] ?? '') ?? [];
    const reload = async (environment: Readonly<Record<string, string>>) => {
      // As systemd does it.
      const words = ['-c', program.replaceAll('$$', '$')];
      const child = spawn('/bin/sh', words, { env: environment, stdio: ['ignore', 'ignore', 'pipe'] });
      const [said] = await Promise.all([text(child.stderr), once(child, 'close')]);
      return { code: child.exitCode, said: said.trim() };
    };
    const berth = spawn('sleep', ['600'], { stdio: 'ignore' });
    onTestFinished(() => {
      berth.kill('SIGKILL');
    });
    await once(berth, 'spawn');
    // No program is to be found: /bin/kill is of a package that a small system lacks.
    const environment = { PATH: '/nonexistent', MAINPID: String(berth.pid) };
    expect(await reload(environment)).toEqual({
      code: 1,
      said: 'no BERTH_TLS_CERT, so nothing to load again: restart it',
    });
    const ended = once(berth, 'close');
    expect(await reload({ ...environment, BERTH_TLS_CERT: '/etc/berth/tls.crt' })).toEqual({ code: 0, said: '' });
    await ended;
    expect(berth.signalCode).toBe('SIGHUP');
  });

  test('is started again after a death that systemd takes for a clean end', () => {
    expect(valuesOf('Restart')).toEqual(['on-failure']);
    expect(valuesOf('RestartForceExitStatus')).toEqual(['SIGHUP']);
  });

  test('has a command that serves as somebody without rights, and stops', async (context) => {
    const bounds = ['--no-new-privs', ...(IS_ROOT ? ['--bounding-set=-all', '--clear-groups'] : [])];
    const user = IS_ROOT ? [`--reuid=${String(NOBODY)}`, `--regid=${String(NOBODY)}`] : [];
    const readable = await readableByAll([...user, ...bounds]);
    const prepared = await runCommand(join(ROOT, 'node_modules/.bin/node'), [join(ROOT, 'deploy/prepare.mjs')], {
      env: scratch.env,
      limitMs: START_LIMIT_MS,
    });
    // What the start would end with is told before it.
    if (readable.kind === 'unavailable') expect(prepared.output).toContain('Nobody but its owner can read');
    const words = requireClient(context, 'setpriv', readable);
    // The scratch folder is nobody else's to enter.
    const data = mkdtempSync(join(tmpdir(), 'berth-service-'));
    onTestFinished(() => {
      rmSync(data, { recursive: true, force: true });
    });
    if (IS_ROOT) chownSync(data, NOBODY, NOBODY);
    chmodSync(data, 0o700);
    const [command = ''] = valuesOf('ExecStart');
    const [directory = ''] = valuesOf('WorkingDirectory');
    const inPlace = (line: string): string => line.replaceAll('/opt/berth', ROOT);
    const child = spawn('setpriv', [...words, ...inPlace(command).split(' ')], {
      cwd: inPlace(directory),
      env: { PATH: scratch.env['PATH'], HOME: data, BERTH_DATA: data, BERTH_PORT: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    const said: string[] = [];
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => {
        said.push(line);
        if (line.includes('"event":"serving"')) child.kill('SIGTERM');
      });
    await once(child, 'close');
    expect({ code: child.exitCode, said }).toMatchObject({ code: 0 });
    expect(said.join('\n')).toContain('"event":"serving"');
    expect(said.at(-1)).toContain('"event":"stopped"');
  });
});
