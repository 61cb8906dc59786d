/** What a Berth that serves prints: an access log beside nginx's own of the same requests, and readers that do not read. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { expect, onTestFinished, test } from 'vitest';
import { start } from './berths.ts';

/** U+2028, as its bytes go into a header. */
const LINE_SEPARATOR = Buffer.from('\u2028').toString('latin1');
const COMBINED = { BERTH_LOG_FORMAT: 'combined' };

/** Lines of the same requests in one order, without the moment, and with one way to say that there was no body. */
function comparable(lines: readonly string[]): string[] {
  return lines.map((line) => line.replace(/\[[^\]]+\]/, '[time]').replace(/(" \d{3}) (?:0|-) "/, '$1 none "')).sort();
}

async function ask(url: string, path: string, { method = 'GET', headers = {} }: Asked = {}): Promise<number> {
  return new Promise((settle, fail) => {
    const target = new URL(url);
    get({ host: target.hostname, port: target.port, path, method, headers, agent: false }, (response) => {
      response.resume().once('end', () => {
        settle(response.statusCode ?? 0);
      });
    }).once('error', fail);
  });
}

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

test('an access log has the lines that nginx writes of the same requests, and nothing else', async () => {
  const berth = await start({ environment: { ...COMBINED, BERTH_TRUSTED_PROXY: 'on', BERTH_ANONYMOUS: 'read-write' } });
  const nginx = await startNginx(berth.url);
  const asked: [string, Asked?][] = [
    ['/v2/', { headers: { 'user-agent': 'docker/27.1.1 go/go1.21.12', referer: 'http://page.example/path' } }],
    ['/v2/team/app/tags/list?n=5&last=a'],
    ['/v2/team/app/manifests/1.2', { method: 'HEAD', headers: { 'user-agent': 'containerd/1.7' } }],
    ['/v2/team/app/blobs/uploads/', { method: 'POST', headers: { 'content-length': '0' } }],
    ['/nowhere'],
  ];
  for (const [path, how] of asked) await ask(nginx.url, path, how);
  const { exited } = berth;
  await nginx.stop();
  berth.run.signal('SIGTERM');
  await exited;
  const own = berth.run.output.filter((line) => !berth.run.errors.includes(line));
  expect(comparable(own)).toEqual(comparable(readFileSync(nginx.log, 'utf8').trimEnd().split('\n')));
  expect(own).toHaveLength(asked.length);
  expect(berth.run.errors.join('\n')).toContain('"event":"stopped"');
});

test('a line names the client whose connection it was, and a client can claim no other', async () => {
  const berth = await start({ environment: COMBINED, host: '127.0.0.1' });
  const forged = JSON.stringify({ clientIp: '192.0.2.1:1' });
  await ask(berth.url, '/v2/', {
    headers: {
      'mf-cf-blob': forged,
      'x-forwarded-for': '192.0.2.2',
      'user-agent': `a "quoted" \\ one${LINE_SEPARATOR}`,
    },
  });
  const authorization = `Basic ${Buffer.from('admin:a wrong one').toString('base64')}`;
  expect(await ask(berth.url, '/admin/accounts', { headers: { authorization, 'mf-cf-blob': forged } })).toBe(401);
  await berth.stop();
  const own = berth.run.output.filter((line) => !berth.run.errors.includes(line));
  expect(own).toHaveLength(2);
  expect(berth.run.errors.find((line) => line.includes('"sign-in refused"'))).toContain('"address":"127.0.0.1"');
  expect(own[0]).toMatch(
    /^127\.0\.0\.1 - - \[[^\]]+\] "GET \/v2\/ HTTP\/1\.1" 401 \d+ "-" "a \\"quoted\\" \\\\ one\\xe2\\x80\\xa8"$/,
  );
});

test('a reader of the log that reads nothing holds up no request, and one that goes away ends nothing', async () => {
  // The shell's last command is what the access log goes to.
  const berth = await start({ environment: COMBINED, within: ['sh', '-c', '{ "$@"; } | sleep 600', 'sh'] });
  // Twice what the pipe holds: that has 64 KiB, and a line of these about 1.3 KB.
  const path = `/${'x'.repeat(1_000)}`;
  const statuses = new Set<number>();
  for (let request = 0; request < 100; request += 20)
    for (const status of await Promise.all(
      Array.from({ length: 20 }, () => ask(berth.url, path, { headers: { 'user-agent': 'y'.repeat(290) } })),
    ))
      statuses.add(status);
  expect([...statuses]).toEqual([404]);
  const sleep = (await berth.run.processes()).find(({ command }) => command === 'sleep 600');
  if (sleep === undefined) throw new Error('nobody has the pipe');
  process.kill(sleep.pid, 'SIGKILL');
  for (let request = 0; request < 3; request += 1) expect(await ask(berth.url, '/healthz')).toBe(200);
});

async function startNginx(upstream: string): Promise<{ url: string; log: string; stop: () => Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), 'berth-nginx-'));
  const log = join(directory, 'access.log');
  const port = await freePort();
  const configuration = join(directory, 'nginx.conf');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${directory}/${name};`,
  );
  writeFileSync(
    configuration,
    `daemon off; master_process off; pid ${directory}/pid; error_log stderr;
    events {}
    http {
      access_log ${log} combined;
      ${temporary.join(' ')}
      server {
        listen 127.0.0.1:${String(port)};
        location / {
          proxy_pass ${upstream};
          proxy_http_version 1.1;
          proxy_set_header Host $http_host;
          proxy_set_header X-Forwarded-For $remote_addr;
          proxy_set_header X-Forwarded-Proto $scheme;
        }
      }
    }`,
  );
  const child = spawn('nginx', ['-c', configuration, '-p', directory], { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = once(child, 'exit');
  onTestFinished(() => {
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  });
  await listening(port);
  return {
    url: `http://127.0.0.1:${String(port)}`,
    log,
    stop: async () => {
      child.kill('SIGQUIT');
      await ended;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = v.parse(v.object({ port: v.number() }), server.address());
  server.close();
  await once(server, 'close');
  return port;
}

const POLL_MS = 20;

/** nginx does not say when it listens. */
async function listening(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      socket.destroy();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}
