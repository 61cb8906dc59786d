/** Bodies that rest: after a minute the registry says so with a 408, and keeps what came of a blob (docs/compatibility.md). */
import { codeOf } from './outcome.ts';
import type { RawAnswer } from './raw-request.ts';
import { show } from './registry.ts';
import type { Registry } from './registry.ts';

const REPOSITORY = 'fuzz/stalled';
const COMES = 'so far';
const ANNOUNCED_BYTES = 1_000;

export async function expectPatience(registry: Registry): Promise<void> {
  await Promise.all([stallUpload(registry), stallManifest(registry)]);
}

async function stallUpload(registry: Registry): Promise<void> {
  const opened = await send(registry, 'POST', `/v2/${REPOSITORY}/blobs/uploads/`, 0, '');
  const location = opened.headers.get('location') ?? '';
  const answer = await send(registry, 'PATCH', location, ANNOUNCED_BYTES, COMES);
  expectStalled(answer, 'BLOB_UPLOAD_INVALID');
  const range = `0-${String(COMES.length - 1)}`;
  if (answer.headers.get('range') !== range)
    throw new Error(`after a body that rested, the range is not ${range}: ${show(answer)}`);
}

async function stallManifest(registry: Registry): Promise<void> {
  const answer = await send(registry, 'PUT', `/v2/${REPOSITORY}/manifests/latest`, ANNOUNCED_BYTES, COMES);
  expectStalled(answer, 'SIZE_INVALID');
}

function expectStalled(answer: RawAnswer, code: string): void {
  if (answer.status === 408 && codeOf(answer) === code) return;
  throw new Error(`a body that rested was answered ${show(answer)}`);
}

async function send(
  registry: Registry,
  method: string,
  path: string,
  length: number,
  body: string,
): Promise<RawAnswer> {
  const lines = [`host: ${registry.host}`, 'connection: close', `content-length: ${String(length)}`];
  const head = `${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
  const answer = await registry.send({ head, body: Buffer.from(body), cutAfter: undefined, wellFormed: true });
  if (typeof answer === 'string') throw new Error(`${method} ${path} of a body that rests was ${answer}`);
  return answer;
}
