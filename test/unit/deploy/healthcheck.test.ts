/** deploy/healthcheck.mjs reads the environment as Berth does, and says what it asked. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { expect, it, onTestFinished } from 'vitest';
import { Authority } from '../../certificate-authority.ts';

const PROGRAM = fileURLToPath(new URL('../../../deploy/healthcheck.mjs', import.meta.url));
const TLS = { BERTH_TLS_CERT: '/etc/berth/tls.crt' };
const CLIENT_CA = { BERTH_TLS_CLIENT_CA: '/etc/berth/clients.pem' };

async function check(environment: Readonly<Record<string, string>>): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, [PROGRAM], { env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = await Promise.all([text(child.stdout), once(child, 'close')]);
  return { code: child.exitCode, said };
}

const answering =
  (status: number): RequestListener =>
  (request, response) => {
    response.writeHead(request.url === '/healthz' ? status : 404).end();
  };

async function portOf(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
  });
  return String(v.parse(v.object({ port: v.number() }), server.address()).port);
}

it.each(['', '127.0.0.1', '[127.0.0.1]', '0.0.0.0', '::', '[::]', 'localhost'])('asks a Berth on %j', async (host) => {
  const port = await portOf(createServer(answering(200)));
  const said = `http://127.0.0.1:${port}/healthz answers 200\n`;
  expect(await check({ BERTH_HOST: host, BERTH_PORT: port })).toEqual({ code: 0, said });
});

it('takes an empty variable for none, and the address of a URL for an address', async () => {
  expect((await check({ BERTH_PORT: '' })).said).toMatch(/^http:\/\/127\.0\.0\.1:8787\/healthz/);
  // Nobody listens there, and no name is looked up.
  const { code, said } = await check({ BERTH_HOST: '[::1]', BERTH_PORT: '1', BERTH_TLS_CERT: '' });
  expect(code).toBe(1);
  expect(said).toMatch(/^http:\/\/\[::1\]:1\/healthz: connect E/);
});

it.each([
  [200, {}, 0],
  [503, {}, 1],
  [403, {}, 1],
  [403, CLIENT_CA, 0],
  [200, CLIENT_CA, 0],
  [503, CLIENT_CA, 1],
])('judges an answer of %i over TLS, with %j', async (status, environment, code) => {
  const { certificate, key } = Authority.root().issue({ name: 'registry.example', hosts: ['registry.example'] });
  const port = await portOf(createTlsServer({ cert: certificate, key }, answering(status)));
  const said = `https://127.0.0.1:${port}/healthz answers ${String(status)}\n`;
  expect(await check({ BERTH_PORT: port, ...TLS, ...environment })).toEqual({ code, said });
});

it('does not take 403 for an answer where no certificate can be asked for', async () => {
  const port = await portOf(createServer(answering(403)));
  expect(await check({ BERTH_PORT: port, ...CLIENT_CA })).toMatchObject({ code: 1 });
});
