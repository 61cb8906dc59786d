/** The first way in: the admin password that `npm start` makes, and `npm run admin-password`. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, statSync, symlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import * as v from 'valibot';
import { expect, onTestFinished, test } from 'vitest';
import { adminPasswordCommand } from '../../../standalone/admin-password.ts';
import type { Line } from '../berth-process.ts';
import { refusal, start, startAgain } from '../berths.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const NODE = join(ROOT, 'node_modules', '.bin', 'node');
const Failure = v.looseObject({ code: v.number(), stdout: v.string(), stderr: v.string() });
const FORM = /^berth_admin_[\w-]{32}$/;

async function status(url: string, password: string): Promise<number> {
  const headers = { authorization: `Basic ${Buffer.from(`admin:${password}`).toString('base64')}` };
  return (await fetch(`${url}/admin/accounts`, { headers })).status;
}

async function command(words: readonly string[], environment: Record<string, string> = {}) {
  const program = join(ROOT, 'standalone', 'admin-password-command.ts');
  return promisify(execFile)(NODE, [program, ...words], { cwd: ROOT, env: { ...process.env, ...environment } }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: unknown) => {
      const { code, stdout, stderr } = v.parse(Failure, error);
      return { code, stdout, stderr };
    },
  );
}

test('the first start makes an admin password in a file of its owner alone, which no log has, and the next one keeps it', async () => {
  const berth = await start();
  const path = join(berth.data, 'admin-password');
  const password = readFileSync(path, 'utf8').trimEnd();
  expect(password).toMatch(FORM);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(await status(berth.url, password)).toBe(200);
  expect(await status(berth.url, `${password}x`)).toBe(401);
  const [said] = berth.lines.filter(({ event }) => event === 'admin-password');
  expect(said?.['message']).toBe(
    `The admin password is in ${path}; npm run admin-password -- --data ${berth.data} shows it`,
  );
  await berth.stop();
  const again = await startAgain(berth);
  expect(await status(again.url, password)).toBe(200);
  await again.stop();
  expect(again.lines.filter(({ event }) => event === 'admin-password')).toEqual([]);
  for (const output of [berth.run.output, again.run.output]) expect(output.join('\n')).not.toContain(password);
});

test('npm run admin-password shows it, and --new makes another, which counts from the next start on', async () => {
  const berth = await start();
  const shown = await command(['--data', berth.data]);
  const password = shown.stdout.trimEnd();
  expect(shown).toEqual({ code: 0, stdout: `${password}\n`, stderr: '' });
  const folder = mkdtempSync(join(tmpdir(), 'berth-password-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const settings = join(folder, 'berth.toml');
  writeFileSync(settings, `data = ${JSON.stringify(berth.data)}\n`);
  expect(await command([], { BERTH_CONFIG: settings })).toEqual(shown);
  expect(await command(['--config', settings])).toEqual(shown);
  const renewed = await command(['--data', berth.data, '--new']);
  expect(renewed.stderr).toBe('A registry that is running takes the old one until it is stopped and started again.\n');
  const another = renewed.stdout.trimEnd();
  expect(another).toMatch(FORM);
  expect([await status(berth.url, password), await status(berth.url, another)]).toEqual([200, 401]);
  await berth.stop();
  const again = await startAgain(berth);
  expect([await status(again.url, password), await status(again.url, another)]).toEqual([401, 200]);
});

test('a variable of the environment outranks the file, and none is made beside it', async () => {
  const berth = await start({ environment: { BERTH_ADMIN_PASSWORD: 'a password of my own' } });
  expect(await status(berth.url, 'a password of my own')).toBe(200);
  expect(existsSync(join(berth.data, 'admin-password'))).toBe(false);
  const { stderr } = await command(['--data', berth.data]);
  expect(stderr).toBe(`there is no admin password in ${berth.data} yet. Start Berth, or make one: --new\n`);
  const made = await command(['--data', berth.data, '--new'], { BERTH_ADMIN_PASSWORD: 'a password of my own' });
  expect(made.stderr).toContain('BERTH_ADMIN_PASSWORD is set here');
});

test('the command that is named is the one of its own data directory, as one word of a shell', () => {
  expect(adminPasswordCommand('.berth')).toBe('npm run admin-password');
  expect(adminPasswordCommand(join(process.cwd(), '.berth'), '--new')).toBe('npm run admin-password -- --new');
  expect(adminPasswordCommand('/srv/berth')).toBe('npm run admin-password -- --data /srv/berth');
  expect(adminPasswordCommand(`/srv/Ann's data`)).toBe(`npm run admin-password -- --data '/srv/Ann'\\''s data'`);
});

test('a password of fewer than 16 characters is refused, and not shown', async () => {
  expect(await refusal({ environment: { BERTH_ADMIN_PASSWORD: 'fifteen letters' } })).toEqual({
    code: 2,
    said: ['BERTH_ADMIN_PASSWORD must have 16 to 1024 characters, and no line breaks'],
  });
});

test('a file that holds none, or leads elsewhere, is refused in one line', async () => {
  const berth = await start();
  await berth.stop();
  const path = join(berth.data, 'admin-password');
  writeFileSync(path, 'short\n');
  const { code, said } = await refusal({ data: berth.data });
  expect({ code, said }).toEqual({
    code: 1,
    said: [
      `${path} holds no password of at least 16 characters. npm run admin-password -- --data ${berth.data} --new makes another.`,
    ],
  });
  rmSync(path);
  symlinkSync('/etc/hostname', path);
  expect((await refusal({ data: berth.data })).said).toEqual([
    expect.stringMatching(/admin-password can't be read \(ELOOP/),
  ]);
});

test('npm run admin-password says what is wrong with what was typed', async () => {
  expect(await command(['--data', '/nowhere'])).toMatchObject({
    code: 1,
    stderr: '/nowhere holds no data of Berth. Start it once, or name its directory: --data DIR\n',
  });
  expect(await command(['--renew'])).toMatchObject({ code: 2, stdout: '' });
  expect((await command(['--help'])).stdout).toContain('--new');
});

test.runIf(process.platform === 'linux')('at a terminal the first start shows it, once', async () => {
  const data = mkdtempSync(join(tmpdir(), 'berth-password-'));
  const words = `${NODE} standalone/main.ts --port 0 --data ${data}`;
  const terminal = spawn('script', ['-qec', words, '/dev/null'], { cwd: ROOT, stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(async () => {
    terminal.stdin.end();
    terminal.kill('SIGKILL');
    if (terminal.exitCode === null && terminal.signalCode === null) await once(terminal, 'exit');
    rmSync(data, { recursive: true, force: true });
  });
  const lines: string[] = [];
  for await (const line of createInterface({ input: terminal.stdout })) {
    lines.push(line.trim());
    if (FORM.test(line.trim())) break;
  }
  expect(lines.at(-2)).toContain(`The admin password is in ${join(data, 'admin-password')}`);
  expect(lines.at(-1)).toBe(readFileSync(join(data, 'admin-password'), 'utf8').trim());
  // Ctrl-C, as the terminal passes it on.
  terminal.stdin.write('\u0003');
  await once(terminal, 'exit');
});

test('a registry with an account does not say at its next start that everybody is refused', async () => {
  const berth = await start({ environment: { BERTH_ANONYMOUS: 'none' } });
  const isClosed = ({ event }: Line) => event === 'closed';
  // It follows the line that tells of serving, and may come a moment later.
  await berth.run.waitFor(isClosed, { from: 0 });
  const password = readFileSync(join(berth.data, 'admin-password'), 'utf8').trimEnd();
  const made = await fetch(`${berth.url}/admin/accounts`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`admin:${password}`).toString('base64')}` },
    body: '{"name":"alice"}',
  });
  expect(made.status).toBe(201);
  await berth.stop();
  const again = await startAgain(berth);
  await again.stop();
  expect(again.lines.filter(isClosed)).toEqual([]);
  expect(again.run.errors).toEqual([]);
});
