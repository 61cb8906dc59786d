/** `npm run config`, beside the `npm start` whose settings it looks at, and a registry that serves by a settings file. */
import { execFile } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VERSION } from '../../standalone/version-file.ts';
import { Authority } from '../certificate-authority.ts';
import { outerEnvironment } from './berth-process.ts';
import { refusal, start } from './berths.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const NODE = join(ROOT, 'node_modules', '.bin', 'node');
const PASSWORD = 'correct horse battery staple';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-config-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function file(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

interface Outcome {
  readonly code: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param within a command that runs the words that follow it */
function config(
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  within: readonly string[] = [],
): Promise<Outcome> {
  const program = join(ROOT, 'standalone', 'config-command.ts');
  const env = { ...outerEnvironment(), ...environment };
  const [command = '', ...rest] = [...within, NODE, program, ...words];
  return promisify(execFile)(command, rest, { cwd: ROOT, env }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: unknown) =>
      v.parse(v.object({ code: v.unknown(), stdout: v.string(), stderr: v.string() }), { ...Object(error) }),
  );
}

/** Where each of the mistakes is, and a part of what is said of it. */
function planted(): { words: string[]; environment: Record<string, string>; mistakes: [string, string][] } {
  const rule = { name: 'a', subjects: ['anonymous'], repositories: ['**'], actions: ['pull'] };
  const policy = file(
    'policy.json',
    JSON.stringify({ rules: [rule, { ...rule, name: 'b', subjects: ['all'], actions: ['pull', 'pul'] }] }),
  );
  const people = file('htpasswd', `alice:$2y$05$${'a'.repeat(53)}\nbob:opensesame\n`);
  const endpoints = file(
    'endpoints.json',
    JSON.stringify({ endpoints: [{ name: 'a', url: 'http://hooks.example.com/', retries: 3 }] }),
  );
  const secret = file('key', 'hunter2', 0o644);
  const toml = file(
    'planted.toml',
    `
prot = 9000
host = 127
upload-expiry-seconds = 0
outbox-most = "many"
webhooks-private = "yes"
jurisdiction = "eu"
htpasswd = "htpasswd"
policy = "policy.json"
encryption-key-file = "key"
admin-password = "${PASSWORD}"
[http]
addr = ":5000"
`,
    0o644,
  );
  return {
    words: [
      ...['--config', toml, '--endpoints', endpoints, '--port', '99999', '--storge', 'r2', '--no-sync=1'],
      ...['--encryption-key', 'hunter2', '--grace-seconds', '-1'],
    ],
    environment: {
      BERTH_ANONYMUS: 'read',
      BERTH_OPEN_LOOPBACK: 'yes',
      BERTH_MAX_MANIFEST_BYTES: '4 MiB',
      BERTH_CORS_ORIGINS: 'https://*.example.com',
      BERTH_PUBLIC_URL: 'registry.example.com',
      BERTH_ENCRYPTION_KEY_PREVIOUS: 'hunter2',
      BERTH_TRUSTS: '/nowhere/trusts.json',
      BERTH_DATA: '/nowhere/data',
    },
    mistakes: [
      ['--port', 'must be a whole number from 0 to 65535 (given: "99999"). For example: npm start -- --port 8788'],
      ['"--storge"', 'is unknown. Did you mean --storage?'],
      ['--no-sync', 'takes no value'],
      ['--encryption-key', 'is no option, since everyone on this machine can list'],
      ['--grace-seconds', 'needs a value, for example'],
      ['BERTH_ANONYMUS', 'is no setting. Did you mean BERTH_ANONYMOUS?'],
      ['BERTH_OPEN_LOOPBACK', 'must be one of off, on (given: "yes")'],
      ['BERTH_MAX_MANIFEST_BYTES', 'must be a whole number from 1024 to 16777216 (given: "4 MiB")'],
      ['BERTH_CORS_ORIGINS', 'must be *, or up to 100 origins'],
      ['BERTH_PUBLIC_URL', 'must be http:// or https:// and a host'],
      ['BERTH_ENCRYPTION_KEY_PREVIOUS', 'must be 32 random bytes in base64: openssl rand -base64 32 makes them'],
      ['BERTH_TRUSTS', "/nowhere/trusts.json can't be read (ENOENT)"],
      [`${toml}: prot`, 'is no setting. Did you mean port?'],
      [`${toml}: host`, 'must be text, in quotes (given: 127). For example: host = "127.0.0.1"'],
      [`${toml}: upload-expiry-seconds`, 'must be a whole number from 1 to 518400 (given: 0)'],
      [`${toml}: outbox-most`, 'must be a whole number from 1 to 1000000, without quotes'],
      [`${toml}: webhooks-private`, 'must be true or false (given: "yes")'],
      [`${toml}: jurisdiction`, 'is a setting for Cloudflare alone'],
      [`${toml}: encryption-key-file`, `${secret} can be read by every user of this machine: chmod o-r ${secret}`],
      [`${toml}: admin-password`, `is a secret, and ${toml} can be read by every user`],
      [`${toml}: http`, 'is a table, and settings are flat'],
      [`htpasswd ${people}`, "line 2 has a hash for bob that is not bcrypt's"],
      [`policy ${policy}: rules[1].subjects[0]`, 'must be user:NAME'],
      [`policy ${policy}: rules[1].actions[1]`, 'must be one of pull, push, delete, *'],
      [`endpoints ${endpoints}: endpoints[0].url`, 'must begin with https://'],
      [`endpoints ${endpoints}: endpoints[0].retries`, 'is not known here'],
      ['BERTH_DATA', "/nowhere/data can't be made: its parent directory does not exist"],
    ],
  };
}

describe('npm run config -- check', () => {
  it('names each of more than twenty mistakes with its path, and npm start refuses by the same lines', async () => {
    const { words, environment, mistakes } = planted();
    const { code, stdout, stderr } = await config(['check', ...words], environment);
    expect(code).toBe(1);
    expect(stderr).toBe('');
    const lines = stdout.trimEnd().split('\n');
    for (const [path, message] of mistakes) expect(lines).toContainEqual(expect.stringContaining(`${path} ${message}`));
    expect(lines.at(-1)).toBe(`${String(mistakes.length)} mistakes.`);
    expect(lines).toHaveLength(mistakes.length + 1);
    for (const hidden of ['hunter2', 'horse', 'opensesame']) expect(stdout).not.toContain(hidden);

    const json = v.parse(
      v.pipe(v.string(), v.parseJson(), v.object({ problems: v.array(v.object({ path: v.string() })) })),
      (await config(['check', '--json', ...words], environment)).stdout,
    );
    expect(json.problems.map(({ path }) => path).sort()).toEqual(mistakes.map(([path]) => path).sort());

    // Whether the data directory can be had is asked once all that was typed is right.
    const { code: refused, said } = await refusal({ words, environment });
    expect(refused).toBe(2);
    expect(said).toEqual(lines.slice(0, -2));
  });

  it('says what is no mistake and will surprise', async () => {
    const { code, stdout } = await config(['check', '--host', '0.0.0.0', '--data', folder.concat('/new')], {
      REGISTRY_HTTP_ADDR: ':5000',
    });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Note: REGISTRY_HTTP_ADDR .* Here it is --host and --port\.$/m);
    expect(stdout).toMatch(/^Note: closed: every request is refused, unless the admin API has people and a policy/m);
    expect(stdout).toMatch(/^No mistakes\.$/m);
  });

  it('notes what is right and will surprise beside something else, as the start says it', async () => {
    const people = file('people', `alice:$2y$05$${'a'.repeat(53)}\n`);
    const rules = file('rules.json', '{"rules":[]}');
    const endpoints = file('none.json', '{"endpoints":[]}');
    const words = ['--htpasswd', people, '--policy', rules, '--data', join(folder, 'new')];
    const plain = await config(['check', ...words, '--host', '0.0.0.0', '--endpoints', endpoints, '--no-events']);
    expect(plain.stdout).toMatch(/^Note: plain-passwords: .*--tls-cert/m);
    expect(plain.stdout).toMatch(/^Note: events-off: /m);
    const issued = Authority.root().issue({ name: 'registry.example', hosts: ['registry.example'] });
    const pair = ['--tls-cert', file('cert.pem', issued.certificate), '--tls-key', file('key.pem', issued.key)];
    const secure = await config(['check', ...words, ...pair, '--public-url', 'http://registry.example']);
    expect(secure.stdout).toMatch(/^Note: plain-address: .*https:/m);
    const proven = await config(['check', ...words, '--trusted-proxy'], { BERTH_PROXY_SECRET: 's'.repeat(32) });
    expect(proven.stdout).toMatch(/^Note: proxy-unproven: /m);
    expect([plain.code, secure.code, proven.code]).toEqual([0, 0, 0]);
  });

  it('says which user may not read a file', async () => {
    const isRoot = process.geteuid?.() === 0;
    const closed = file('closed.json', '{}', 0o000);
    const within = isRoot ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];
    const environment = { BERTH_POLICY: closed, BERTH_CONFIG: closed, BERTH_ADMIN_PASSWORD_FILE: closed };
    const { code, stdout } = await config(['check'], environment, within);
    const user = isRoot ? '65534' : String(process.geteuid?.());
    const why = `${closed} can't be read: this user (uid ${user}) may not (EACCES). Let it read the file, and enter the directories above.`;
    expect(code).toBe(1);
    for (const name of Object.keys(environment)) expect(stdout.split('\n')).toContain(`${name} ${why}`);
  });

  it('is told apart from what it is not', async () => {
    const mistyped = await config(['chek']);
    expect(mistyped.code).toBe(2);
    expect(mistyped.stderr).toContain('npm run config -- check');
    const help = await config(['--help']);
    expect(help.code).toBe(0);
    expect(help.stdout).toContain('explain');
  });
});

it('a registry serves by the example of a settings file, and explain says so', async () => {
  const toml = join(folder, 'berth.toml');
  copyFileSync(join(ROOT, 'examples', 'berth.toml'), toml);
  const secret = file('admin-password', `${PASSWORD}\n`);
  const words = ['--config', toml, '--port', '0', '--host', '127.0.0.1'];
  const environment = { BERTH_ADMIN_PASSWORD_FILE: secret };

  expect(await config(['check', ...words], environment)).toMatchObject({ code: 0 });
  const { stdout } = await config(['explain', ...words], environment);
  expect(stdout).toMatch(new RegExp(`^  port +0 +--port \\(outranks ${toml}: port\\)$`, 'm'));
  expect(stdout).toMatch(new RegExp(`^  anonymous +read +${toml}: anonymous$`, 'm'));
  expect(stdout).toMatch(/^ {2}admin-password +\(hidden\) +BERTH_ADMIN_PASSWORD_FILE$/m);

  const berth = await start({ words, environment });
  const origin = { Origin: 'https://ui.example.com' };
  const answer = await fetch(`${berth.url}/v2/_catalog`, { headers: origin });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('access-control-allow-origin')).toBe('https://ui.example.com');
  const asAdmin = { Authorization: `Basic ${Buffer.from(`admin:${PASSWORD}`).toString('base64')}` };
  expect((await fetch(`${berth.url}/admin/accounts`, { headers: asAdmin })).status).toBe(200);
  expect(existsSync(join(folder, 'data', VERSION))).toBe(true);
  await berth.stop();
});
