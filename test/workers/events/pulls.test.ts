/** Pulls as events: told by the way, only where an endpoint wants them, and never on the path of an answer. */
import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { handle } from '../../../src/http/app.ts';
import type { RegistryEvent } from '../../../src/notifications/event.ts';
import { OCI_MANIFEST } from '../../../src/oci/media-type.ts';
import { demand, imageOf, pushed, putManifest, sha256, textBytes, type Settings } from '../client.ts';
import { faults, wrapped } from '../faults.ts';
import { LogLines } from '../log-lines.ts';
import { newBlob, newWorld, objects, passTime, repositoryName, type Blob } from '../world.ts';

const SENT = 'front>EVENTS.sendBatch';
const PULLS: Settings = wanting('manifest.pull', 'blob.pull');

function wanting(...events: string[]): Settings {
  return {
    BERTH_ENDPOINTS: JSON.stringify({ endpoints: [{ name: 'hook', url: 'https://receiver.example/', events }] }),
  };
}

let worlds = 0;
let log: LogLines;
let blob: Blob;
let name: string;
let digest: string;
beforeEach(async () => {
  log = new LogLines();
  await newWorld();
  // What the isolate believed of endpoints in the test before is older than that.
  worlds += 1;
  passTime(worlds * 3_600_000);
  blob = await newBlob(100);
  name = repositoryName('app');
  await pushed(name, blob);
  demand(await putManifest(name, 'latest', imageOf(blob)), 201);
  digest = await sha256(imageOf(blob));
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Sends all at once, and waits for what goes on after the answers. */
async function pullAll(
  settings: Settings,
  ...requests: readonly [method: string, path: string, headers?: Record<string, string>][]
) {
  const executions = requests.map(() => createExecutionContext());
  const responses = await Promise.all(
    requests.map(([method, path, headers = {}], index) => {
      const request = new Request(`http://127.0.0.1/v2/${name}/${path}`, { method, headers });
      return handle(request, { ...wrapped(env, 'front'), ...settings }, executions[index] ?? createExecutionContext());
    }),
  );
  await Promise.all(responses.map((response) => response.arrayBuffer()));
  await Promise.all(executions.map((execution) => waitOnExecutionContext(execution)));
  return responses.map(({ status }) => status);
}

async function pullsInLog(): Promise<RegistryEvent[]> {
  const { result } = await objects.eventLog().read(0);
  if (result.kind !== 'page') throw new Error('the log of this test was trimmed');
  return result.events.map(({ event }) => event).filter(({ repository }) => repository === name);
}

it('tells of what was fetched, and of HEAD, in one message for all of a moment', async () => {
  const statuses = await pullAll(
    PULLS,
    ['GET', 'manifests/latest'],
    ['HEAD', `manifests/${digest}`],
    ['GET', `blobs/${blob.digest}`],
  );
  expect(statuses).toEqual([200, 200, 200]);
  expect(faults.trace.filter(({ point }) => point === SENT)).toHaveLength(1);
  const size = textBytes(imageOf(blob)).byteLength;
  await vi.waitFor(async () => {
    const told = (await pullsInLog()).map(({ kind, target, sequence }) => ({ kind, target, sequence }));
    const manifest = { mediaType: OCI_MANIFEST, digest, size };
    expect(told).toHaveLength(3);
    expect(told).toContainEqual({ kind: 'manifest.pull', target: { ...manifest, tag: 'latest' }, sequence: undefined });
    expect(told).toContainEqual({ kind: 'manifest.pull', target: manifest, sequence: undefined });
    const pulled = { mediaType: 'application/octet-stream', digest: blob.digest, size: 100 };
    expect(told).toContainEqual({ kind: 'blob.pull', target: pulled, sequence: undefined });
  }, 20_000);
});

it('tells of nothing that the client has already, or did not get', async () => {
  const known = { 'if-none-match': `"${digest}"` };
  const statuses = await pullAll(
    PULLS,
    ['GET', 'manifests/latest', known],
    ['GET', 'manifests/absent'],
    ['GET', `blobs/${digest}`],
  );
  expect(statuses).toEqual([304, 404, 404]);
  expect(faults.trace.filter(({ point }) => point === SENT)).toEqual([]);
});

it.each([
  ['no endpoint wants pulls', wanting('manifest.push')],
  ['events are off', { ...PULLS, BERTH_EVENTS: 'off' }],
])('sends nothing where %s', async (_reason, settings) => {
  await pullAll(settings, ['GET', 'manifests/latest']);
  expect(faults.trace.filter(({ point }) => point === SENT)).toEqual([]);
});

it('asks once a minute at most what endpoints want, and not on the path of an answer', async () => {
  const asked = () => faults.trace.filter(({ point }) => point === 'front>EVENT_LOG.wantsAny').length;
  const events = { BERTH_EVENTS: 'on' };
  for (let time = 0; time < 3; time += 1) await pullAll(events, ['GET', 'manifests/latest']);
  expect(asked()).toBe(1);
  const calls = log.requests.filter(({ route, method }) => route === 'manifest' && method === 'GET');
  expect(calls.map(({ objectCalls }) => objectCalls)).toEqual([1, 1, 1]);
  passTime(61_000);
  await pullAll(events, ['GET', 'manifests/latest']);
  expect(asked()).toBe(2);
});

it('answers all the same where the Queue takes nothing', async () => {
  faults.inject(SENT, 'fail-before');
  expect(await pullAll(PULLS, ['GET', 'manifests/latest'])).toEqual([200]);
  expect(log.events.filter(({ event }) => event === 'pull events lost')).toHaveLength(1);
});

it('keeps no more than a hundred in memory', async () => {
  const many = Array.from({ length: 120 }, (): [string, string] => ['HEAD', 'manifests/latest']);
  await pullAll(PULLS, ...many);
  await vi.waitFor(async () => {
    expect(await pullsInLog()).toHaveLength(100);
  }, 20_000);
});

/** A pull whose request goes on after its answer, while others come. */
async function pullWith(settings: object): Promise<ExecutionContext> {
  const execution = createExecutionContext();
  const request = new Request(`http://127.0.0.1/v2/${name}/manifests/latest`);
  const response = await handle(request, { ...env, ...PULLS, ...settings }, execution);
  await response.arrayBuffer();
  return execution;
}

/** A Queue of this test's own, which counts what it took. */
function queueOf(take: (count: number) => Promise<void>): object {
  return { EVENTS: { sendBatch: (messages: readonly unknown[]) => take(messages.length) } };
}

function counting(taken: number[]): object {
  return queueOf((count) => {
    taken.push(count);
    return Promise.resolve();
  });
}

it('sends what was gathered while another batch was under way, and failed', async () => {
  const underWay = Promise.withResolvers<undefined>();
  const failing = Promise.withResolvers<undefined>();
  const taken: number[] = [];
  const first = await pullWith(
    queueOf(async () => {
      underWay.resolve(undefined);
      await failing.promise;
      throw new Error('the Queue is down');
    }),
  );
  await underWay.promise;
  const second = await pullWith(counting(taken));
  failing.resolve(undefined);
  await waitOnExecutionContext(first);
  await waitOnExecutionContext(second);
  expect(taken).toEqual([1]);
  expect(log.events.filter(({ event }) => event === 'pull events lost')).toMatchObject([{ events: 1 }]);
});

it('goes on after a request that was cut off while it gathered, also with as many as are kept in memory', async () => {
  const taken: number[] = [];
  const queue = counting(taken);
  const wait = vi.spyOn(scheduler, 'wait').mockReturnValueOnce(new Promise(() => undefined));
  for (let pull = 0; pull < 120; pull += 1) await pullWith(queue);
  expect(wait).toHaveBeenCalledTimes(1);
  passTime(5_000);
  await waitOnExecutionContext(await pullWith(queue));
  expect(taken).toEqual([100]);
});
