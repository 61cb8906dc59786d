/**
 * One push and one pull with everything in it that clients ask, each request alone, and the work that Berth's log says it
 * was: calls to objects and operations on the store. Under load the work of one request depends on its neighbours, since
 * reads of one tag share a call.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import * as v from 'valibot';
import type { Answer, Call } from '../http-client.ts';
import { ask, blobPath, layerOf, manifestOf, manifestPath, MANIFEST_TYPE } from '../registry-client.ts';
import { timedCalls } from '../timing.ts';
import type { Server } from './server.ts';

const LAYER_BYTES = 100_000;
const TAG = 'tag-0';
const LOG_LIMIT_MS = 30_000;
const POLL_MS = 20;

const RequestLine = v.object({
  event: v.literal('request'),
  id: v.string(),
  method: v.string(),
  route: v.string(),
  status: v.number(),
  objectCalls: v.number(),
  storeOperations: v.number(),
});
type RequestLine = v.InferOutput<typeof RequestLine>;

/** A line for each request. */
export async function probeWork(server: Server, repository: string): Promise<string[]> {
  // Who may come in is asked once a minute, and by whichever request comes first.
  await timedCalls(server.port, async (connection) => {
    await ask(connection, 200, { method: 'GET', path: '/v2/' });
  });
  const from = server.logBytes;
  const ids: string[] = [];
  await timedCalls(server.port, async (connection) => {
    const counted = async (status: number, call: Call): Promise<Answer> => {
      const answer = await ask(connection, status, call);
      ids.push(answer.headers.get('x-request-id') ?? '');
      return answer;
    };
    const opened = async (): Promise<string> => {
      const { headers } = await counted(202, { method: 'POST', path: `/v2/${repository}/blobs/uploads/` });
      return new URL(headers.get('location') ?? '', 'http://registry.invalid').pathname;
    };
    const [first, second] = [layerOf(randomBytes(LAYER_BYTES)), layerOf(randomBytes(LAYER_BYTES))];
    await counted(404, { method: 'HEAD', path: blobPath(repository, first.digest) });
    const whole = await opened();
    await counted(201, { method: 'PUT', path: `${whole}?digest=${first.digest}`, body: first.bytes });
    const chunked = await opened();
    await counted(202, { method: 'PATCH', path: chunked, body: second.bytes, chunked: true });
    await counted(201, { method: 'PUT', path: `${chunked}?digest=${second.digest}` });
    await counted(200, { method: 'HEAD', path: blobPath(repository, first.digest) });
    // A tag that is moved, among all the others.
    const path = manifestPath(repository, TAG);
    const headers = { 'content-type': MANIFEST_TYPE };
    await counted(201, { method: 'PUT', path, headers, body: manifestOf(first, [second]) });
    await counted(200, { method: 'HEAD', path });
    await counted(200, { method: 'GET', path });
    await counted(200, { method: 'GET', path: blobPath(repository, second.digest) });
    await counted(200, { method: 'GET', path: `/v2/${repository}/tags/list?n=10&last=tag-1` });
  });
  const lines = await linesOf(server, from, ids);
  return lines.map(
    ({ method, route, status, objectCalls, storeOperations }) =>
      `${method} ${route} ${status}: ${objectCalls} object calls, ${storeOperations} store operations`,
  );
}

/** A line may come after the answer. */
async function linesOf(server: Server, from: number, ids: readonly string[]): Promise<RequestLine[]> {
  const deadline = Date.now() + LOG_LIMIT_MS;
  for (;;) {
    const logged = server.logFrom(from).filter((line) => v.is(RequestLine, line));
    const found = ids.map((id) => logged.find((line) => line.id === id)).filter((line) => line !== undefined);
    if (found.length === ids.length) return found;
    if (Date.now() > deadline) throw new Error(`${server.name} has not logged all that it was asked`);
    await delay(POLL_MS);
  }
}
