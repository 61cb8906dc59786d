/** `npx berth proxy`: what it says, how it ends, and what it refuses. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { join } from 'node:path';
import * as v from 'valibot';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../../bench/free-port.ts';
import { CERTIFICATE, KEY } from '../../unit/tools/proxy/certificate.ts';
import { start } from '../berths.ts';
import { makeScratch } from '../clients/scratch.ts';
import { freshProject } from '../fresh-project.ts';
import { PROGRAM, ProxyRun, startProxy } from './proxy-process.ts';

const NPX_LIMIT_MS = 60_000;

async function refusal(words: readonly string[]): Promise<{ code: number | null; said: readonly string[] }> {
  const run = new ProxyRun(words);
  const { code } = await run.exited;
  return { code, said: run.output };
}

test('it says where it listens, for whom, and what to type', async () => {
  const registry = `http://127.0.0.1:${String(await freePort())}`;
  const { run, host } = await startProxy(registry);
  await run.line(/^Open to this machine only\./);
  expect(run.output.slice(0, 6)).toEqual([
    expect.stringMatching(/^Berth proxy \d+\.\d+\.\d+ listens on http:\/\/127\.0\.0\.1:\d+, passes everything on to /),
    'Push through it:',
    `  docker tag alpine ${host}/alpine`,
    `  docker push ${host}/alpine`,
    `Pull as ever: docker pull ${new URL(registry).host}/alpine`,
    `Open to this machine only. It has no rights of its own: docker login ${host}`,
  ]);
});

test('a registry that is not there is one line at once, and a 502 in the form of the specification', async () => {
  const registry = `http://127.0.0.1:${String(await freePort())}`;
  const { run, url } = await startProxy(registry);
  const why = `${registry} can't be reached: nobody listens there; look at the name and the port`;
  await run.line(/^Warning/);
  expect(run.errors).toEqual([`Warning: ${why}`]);
  const response = await fetch(`${url}/v2/`);
  expect(response.status).toBe(502);
  expect(await response.json()).toEqual({ errors: [{ code: 'UNAVAILABLE', message: `berth proxy: ${why}` }] });
  await run.line(/^502 GET \/v2\//);
  expect(run.errors).toEqual([`Warning: ${why}`, `Error: GET /v2/: ${why}`]);
});

test('an address that is no registry is one line', async () => {
  const server = createServer((_, response) => {
    response.writeHead(404).end();
  }).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.close();
  });
  await once(server, 'listening');
  const { port } = v.parse(v.object({ port: v.number() }), server.address());
  const { run } = await startProxy(`http://127.0.0.1:${String(port)}`);
  await run.line(/^Warning: http:\/\/127\.0\.0\.1:\d+\/v2\/ answers 404, as no registry does; look at the address$/);
});

test('a certificate that is not trusted is one line at once', async () => {
  const server = createSecureServer({ key: KEY, cert: CERTIFICATE }).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.close();
  });
  await once(server, 'listening');
  const { port } = v.parse(v.object({ port: v.number() }), server.address());
  const { run } = await startProxy(`https://localhost:${String(port)}`);
  await run.line(/^Warning: https:\/\/localhost:\d+ has a certificate that is not trusted here \(DEPTH_.*; --ca FILE/);
});

test('a registry that is open to its own machine only is one line, since docker would not say why it is refused', async () => {
  const berth = await start();
  const { run, url } = await startProxy(berth.url);
  await run.line(
    /^Warning: http:\S+ is open to programs on its own machine only, .*; push to 127\.0\.0\.1:\d+ itself$/,
  );
  expect((await fetch(`${url}/v2/`)).status).toBe(401);
});

test('a wrong address ends with code 2 and one line', async () => {
  expect(await refusal(['registry.example'])).toEqual({
    code: 2,
    said: ['registry.example needs its scheme in front: npx berth proxy https://registry.example'],
  });
});

test('a taken port ends with code 1 and one line', async () => {
  const { host } = await startProxy('http://127.0.0.1:1');
  const port = new URL(`http://${host}`).port;
  expect(await refusal(['http://127.0.0.1:1', '--port', port])).toEqual({
    code: 1,
    said: [`port ${port} is taken; choose another with --port`],
  });
});

test('a file that holds no certificates ends with code 2 and one line', async () => {
  const scratch = makeScratch();
  onTestFinished(() => scratch.remove());
  const file = join(scratch.path, 'ca.pem');
  writeFileSync(file, 'no certificate');
  for (const ca of [file, join(scratch.path, 'missing.pem')]) {
    const { code, said } = await refusal(['https://registry.example', '--ca', ca]);
    expect(code).toBe(2);
    expect(said).toEqual([expect.stringContaining(`--ca ${ca} will not do: `)]);
  }
});

test('SIGTERM ends it with code 0', async () => {
  const { run } = await startProxy('http://127.0.0.1:1');
  run.signal('SIGTERM');
  expect(await run.exited).toEqual({ code: 0, signal: null });
});

test('it ends where npx had ended before it served', async () => {
  const environment = ['env', 'npm_lifecycle_event=npx', 'berth_parent=1'];
  const run = new ProxyRun(['http://127.0.0.1:1', '--port', '0'], [...environment, ...PROGRAM]);
  expect(await run.exited).toEqual({ code: 0, signal: null });
  expect(run.output).toContainEqual(expect.stringMatching(/^Stopping \(npm has ended\)/));
});

test('npx berth proxy runs it in a clone, and npm run proxy too', { timeout: NPX_LIMIT_MS }, () => {
  const project = freshProject();
  const scratch = makeScratch();
  onTestFinished(() => scratch.remove());
  // npx leaves a link to the clone in its cache.
  const env = { ...scratch.env, npm_config_cache: scratch.folder('npm') };
  const said = (command: string, ...words: string[]): string => {
    const { stdout, stderr } = spawnSync(command, words, { cwd: project, env, encoding: 'utf8' });
    return stdout + stderr;
  };
  expect(said('npx', 'berth', 'proxy', '--version')).toMatch(/^berth \d+\.\d+\.\d+$/m);
  expect(said('npx', 'berth')).toContain('npx berth proxy https://registry.example starts the proxy');
  expect(said('npm', 'run', 'proxy', '--silent', '--', '--version')).toMatch(/^berth \d+\.\d+\.\d+$/m);
});
