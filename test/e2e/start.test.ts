/** `npm start`: what it serves, what it says, and what it refuses. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import * as v from 'valibot';
import { expect, test } from 'vitest';
import { refusal, run, start } from './berths.ts';

test('npm start serves the registry and says where', async () => {
  const berth = await start({ through: 'npm' });
  expect(berth.url).toBe(`http://127.0.0.1:${String(berth.port)}`);
  const response = await fetch(`${berth.url}/v2/`);
  expect(response.status).toBe(200);
  expect(response.headers.get('docker-distribution-api-version')).toBe('registry/2.0');
  expect((await fetch(`${berth.url}/healthz`)).status).toBe(200);
});

test('a taken port is one line that says what to type', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = v.parse(v.object({ port: v.number() }), holder.address());
  const { code, said } = await refusal({ port });
  expect(code).toBe(1);
  expect(said).toEqual([`port ${String(port)} is taken; choose another: --port N or BERTH_PORT=N`]);
  holder.close();
});

test('a word that is no option ends with code 2 and one line', async () => {
  expect(await refusal({ words: ['9000'] })).toEqual({
    code: 2,
    said: ['"9000" is not an option. Options go behind two dashes: npm start -- --port 8788'],
  });
});

test('a wrong setting ends with code 2 and one line', async () => {
  const { code, said } = await refusal({ environment: { BERTH_ANONYMOUS: 'everyone' } });
  expect(code).toBe(2);
  expect(said).toEqual(['BERTH_ANONYMOUS must be one of none, read, read-write (given: "everyone")']);
});

test('a misspelt setting ends with code 2 and one line', async () => {
  expect(await refusal({ environment: { BERTH_ANONYMUS: 'none' } })).toEqual({
    code: 2,
    said: ['BERTH_ANONYMUS is no setting. Did you mean BERTH_ANONYMOUS? docs/configuration.md lists them all.'],
  });
});

test('a workerd that does not start is one line that says why', async () => {
  // Without WebAssembly, which it wants.
  const { code, said } = await refusal({ environment: { MINIFLARE_WORKERD_V8_FLAGS: '--jitless' } });
  expect(code).toBe(1);
  expect(said).toEqual([expect.stringMatching(/^workerd can't be started: .*WebAssembly/)]);
});

test('--version and --help answer without serving', async () => {
  const version = run({ words: ['--version'] });
  expect(await version.exited).toEqual({ code: 0, signal: null });
  expect(version.output).toEqual([expect.stringMatching(/^berth \d+\.\d+\.\d+/)]);
  const help = run({ words: ['--help'] });
  expect(await help.exited).toEqual({ code: 0, signal: null });
  expect(help.output.join('\n')).toContain('--data DIR');
});

test.each([{ BERTH_OPEN_LOOPBACK: 'off' }, { BERTH_ANONYMOUS: 'none' }])(
  'settings of the environment reach the Worker, and a closed loopback stays closed: %j',
  async (environment) => {
    const unheard = { BERTH_ENDPOINTS: '{"endpoints":[]}', BERTH_EVENTS: 'off' };
    const berth = await start({ environment: { ...environment, ...unheard } });
    expect((await fetch(`${berth.url}/v2/`)).status).toBe(401);
    await berth.stop();
    const [closed] = berth.lines.filter(({ event }) => event === 'closed');
    expect(closed?.level).toBe('warn');
    expect(closed?.['message']).toMatch(/^every request is refused, unless /);
    // What surprises besides is said at the start as well as by its check.
    expect(berth.lines.filter(({ event }) => event === 'events-off')).toMatchObject([{ level: 'warn' }]);
  },
);

test('a request that is not taken for one of this machine is told so, and the log says why', async () => {
  const berth = await start();
  const logged = berth.run.waitFor((line) => line.event === 'request');
  const response = await fetch(`${berth.url}/v2/`, { headers: { 'X-Forwarded-For': '127.0.0.1' } });
  expect(response.status).toBe(401);
  expect(await response.text()).toContain('a header that a proxy or a browser adds');
  expect(await logged).toMatchObject({ status: 401, error: 'UNAUTHORIZED', notLocal: 'x-forwarded*' });
});

test('where it is not a terminal every line of stdout is one JSON object', async () => {
  const berth = await start();
  const logged = berth.run.waitFor((line) => line.event === 'request');
  await fetch(`${berth.url}/v2/`);
  expect(await logged).toMatchObject({ level: 'info', method: 'GET', route: 'base', status: 200 });
  await berth.stop();
  expect(berth.lines).toHaveLength(berth.run.output.length);
  expect(berth.run.errors).toEqual([]);
});

test('few file descriptors are warned of, and many are not', async () => {
  const warnings = async (limit: number): Promise<unknown[]> => {
    const berth = await start({ within: ['sh', '-c', `ulimit -n ${String(limit)} && exec "$@"`, 'sh'] });
    await berth.stop();
    return berth.lines.filter((line) => line.event === 'few-descriptors').map((line) => line['message']);
  };
  expect(await warnings(1_024)).toEqual([
    'only 1024 files may be open at once, too few for many pushes. Type ulimit -n 4096 and start again.',
  ]);
  expect(await warnings(4_096)).toEqual([]);
});
