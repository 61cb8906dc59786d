/** `npm start` as a tree of processes: what signals do to it, and that nothing of it is left when it has ended. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { createServer } from 'node:net';
import * as v from 'valibot';
import { expect, test } from 'vitest';
import type { BerthProcess } from './berth-process.ts';
import { refusal, run, start, startAgain } from './berths.ts';
import { openUpload, pullBlob, pushBlob } from './blobs.ts';

/** Larger than all the socket buffers between a server and a client that does not read. */
const LARGE_BLOB_BYTES = 24 * 1024 * 1024;

function answerTo(sent: ClientRequest): Promise<IncomingMessage> {
  return new Promise((settle, fail) => {
    sent.once('response', settle);
    sent.once('error', fail);
  });
}

/** A pull that is in flight for as long as nobody reads it. */
async function unreadPull({ url }: BerthProcess, digest: string): Promise<IncomingMessage> {
  const sent = request(`${url}/v2/start/blobs/${digest}`);
  sent.end();
  const response = await answerTo(sent);
  expect(response.statusCode).toBe(200);
  return response;
}

async function readAll(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(v.parse(v.instance(Buffer), chunk));
  return Buffer.concat(chunks);
}

/** A PATCH whose first bytes have reached the registry and whose last ones are still to be sent. */
async function unfinishedPatch(berth: BerthProcess): Promise<ClientRequest> {
  const upload = await openUpload(berth);
  const sent = request(upload, {
    method: 'PATCH',
    headers: { 'content-length': 10, 'content-type': 'application/octet-stream' },
  });
  sent.write('01234');
  // As long as the session has a writer it refuses another one that does not say where it begins.
  for (;;) {
    const other = await fetch(upload, { method: 'PATCH', body: '' });
    if (other.status === 409) return sent;
    expect(other.status).toBe(202);
  }
}

async function nobodyListens(port: number): Promise<void> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
}

function stopping(berth: BerthProcess): Promise<unknown> {
  return berth.run.waitFor((line) => line.event === 'stopping');
}

test('SIGTERM to npm alone lets a pull in flight finish, then ends everything with code 0', async () => {
  const berth = await start({ through: 'npm' });
  const bytes = randomBytes(LARGE_BLOB_BYTES);
  const pull = await unreadPull(berth, await pushBlob(berth, bytes));
  const told = stopping(berth);
  berth.run.signal('SIGTERM');
  await told;
  expect((await readAll(pull)).equals(bytes)).toBe(true);
  expect(await berth.exited).toEqual({ code: 0, signal: null });
  await berth.run.gone();
  await nobodyListens(berth.port);
});

test('Ctrl-C, which reaches every process, lets a push in flight finish, then ends everything with code 0', async () => {
  const berth = await start({ through: 'npm' });
  const patch = await unfinishedPatch(berth);
  const told = stopping(berth);
  berth.run.signalGroup('SIGINT');
  await told;
  patch.end('56789');
  const response = await answerTo(patch);
  expect(response.statusCode).toBe(202);
  expect(response.headers.range).toBe('0-9');
  response.resume();
  expect(await berth.exited).toEqual({ code: 0, signal: null });
  await berth.run.gone();
});

test('SIGTERM to every process, as from a service manager, lets a push in flight finish all the same', async () => {
  const berth = await start();
  const patch = await unfinishedPatch(berth);
  const told = stopping(berth);
  berth.run.signalGroup('SIGTERM');
  await told;
  patch.end('56789');
  const response = await answerTo(patch);
  expect(response.statusCode).toBe(202);
  response.resume();
  expect(await berth.exited).toEqual({ code: 0, signal: null });
  await berth.run.gone();
});

test('a second Ctrl-C ends at once what the first one would have let finish', async () => {
  const berth = await start();
  const patch = await unfinishedPatch(berth);
  const broken = once(patch, 'error');
  const told = stopping(berth);
  berth.run.signalGroup('SIGINT');
  await told;
  berth.run.signalGroup('SIGINT');
  expect(await berth.exited).toEqual({ code: 130, signal: null });
  await broken;
  await berth.run.gone();
});

test('every line of a request in flight is printed before the end', async () => {
  const berth = await start();
  const patch = await unfinishedPatch(berth);
  const told = stopping(berth);
  const stopped = berth.stop();
  await told;
  patch.end('56789');
  const response = await answerTo(patch);
  response.resume();
  await stopped;
  const id = response.headers['x-request-id'];
  expect(berth.lines.filter((line) => line.event === 'request' && line['id'] === id)).toHaveLength(1);
  expect(berth.lines.at(-1)?.event).toBe('stopped');
});

test('SIGKILL of Node leaves no process and frees the port', async () => {
  const berth = await start();
  expect((await berth.run.processes()).map(({ pid }) => pid)).toEqual(
    expect.arrayContaining([berth.pid, berth.workerdPid]),
  );
  await berth.kill();
  await nobodyListens(berth.port);
});

test('SIGKILL of npm ends what it started', async () => {
  const berth = await start({ through: 'npm' });
  berth.run.signal('SIGKILL');
  await berth.exited;
  await berth.run.gone();
  expect(berth.lines.at(-1)?.event).toBe('stopped');
});

test('SIGKILL of workerd is followed by a new one on the same port, and no process is left over', async () => {
  const berth = await start();
  const digest = await pushBlob(berth, randomBytes(1_000));
  const processes = (await berth.run.processes()).length;
  const first = berth.workerdPid;
  for (let kills = 0; kills < 3; kills += 1) {
    const next = await berth.killWorkerd();
    expect(next).not.toBe(first);
    expect(await pullBlob(berth, digest)).toHaveLength(1_000);
  }
  await expect.poll(async () => (await berth.run.processes()).length, { timeout: 10_000 }).toBe(processes);
  expect(await berth.stop()).toEqual({ code: 0, signal: null });
});

test('after SIGKILL of everything the next start serves the same data on the same port', async () => {
  const bytes = randomBytes(1_000);
  const before = await start();
  const digest = await pushBlob(before, bytes);
  await before.killAll();
  const after = await startAgain(before);
  expect((await pullBlob(after, digest)).equals(bytes)).toBe(true);
});

/** Its workerd serves on, as after a SIGKILL of Node on a machine that gives the guard no time to run. */
async function killNodeAndGuard(berth: BerthProcess): Promise<void> {
  const guards = (await berth.run.processes()).filter(({ parent }) => parent === berth.workerdPid);
  expect(guards).toHaveLength(1);
  for (const pid of [...guards.map((guard) => guard.pid), berth.pid]) process.kill(pid, 'SIGKILL');
  await berth.exited;
  expect((await berth.run.processes()).map(({ pid }) => pid)).toEqual([berth.workerdPid]);
}

test('a start waits until the workerd of a killed Node has left the data, and SIGHUP ends it neither then nor later', async () => {
  const before = await start();
  await killNodeAndGuard(before);
  const next = run({ data: before.data });
  await next.waitFor((line) => line.event === 'waiting', { from: 0 });
  next.signal('SIGHUP');
  process.kill(before.workerdPid, 'SIGKILL');
  await next.waitFor((line) => line.event === 'serving', { from: 0 });
  next.signal('SIGHUP');
  next.signal('SIGTERM');
  expect(await next.exited).toEqual({ code: 0, signal: null });
});

test('a start that waits in vain says so in one line and leaves the data alone', async () => {
  const before = await start();
  await killNodeAndGuard(before);
  const { code, said } = await refusal({ data: before.data });
  expect(code).toBe(1);
  expect(said).toEqual([
    expect.stringMatching(
      / is still in use by a workerd that an earlier Berth left behind\. End it .* then start again\.$/,
    ),
  ]);
});

test('a start right after SIGKILL of Node serves on the same port', async () => {
  const before = await start();
  process.kill(before.pid, 'SIGKILL');
  const after = await startAgain(before);
  expect((await fetch(`${after.url}/v2/`)).status).toBe(200);
  expect(await after.stop()).toEqual({ code: 0, signal: null });
});
