/** Bodies larger than a test should hold, made from a seed as they are sent, and what comes back, hashed as it arrives. */
import { createCipheriv, createHash } from 'node:crypto';
import { once } from 'node:events';
import { get, request, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { text } from 'node:stream/consumers';

const PIECE_BYTES = 1_000_000;

export interface LargeBody {
  readonly sizeBytes: number;
  readonly digest: string;
  /** The same bytes each time. */
  stream(): Readable;
}

export function largeBody(seed: string, sizeBytes: number): LargeBody {
  const hash = createHash('sha256');
  for (const piece of pieces(seed, sizeBytes)) hash.update(piece);
  return {
    sizeBytes,
    digest: `sha256:${hash.digest('hex')}`,
    stream: () => Readable.from(pieces(seed, sizeBytes), { objectMode: false }),
  };
}

/** A keystream, which no compression shrinks. */
function* pieces(seed: string, sizeBytes: number): Generator<Buffer> {
  const cipher = createCipheriv('aes-256-ctr', createHash('sha256').update(seed).digest(), Buffer.alloc(16));
  const zeros = Buffer.alloc(PIECE_BYTES);
  for (let offset = 0; offset < sizeBytes; offset += PIECE_BYTES)
    yield cipher.update(zeros.subarray(0, Math.min(PIECE_BYTES, sizeBytes - offset)));
}

export interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** With its length, or without one as docker sends. */
export async function send(
  url: URL | string,
  method: 'PATCH' | 'PUT' | 'POST',
  body: LargeBody | undefined,
  framing: 'length' | 'chunked' = 'length',
): Promise<Answer> {
  const length = { 'content-length': String(body?.sizeBytes ?? 0) };
  const asked = request(url, { method, agent: false, headers: framing === 'length' ? length : {} });
  const answered = once(asked, 'response');
  // A refusal may come before all is sent; then the rest never is, which is no failure.
  pipeline(body?.stream() ?? Readable.from([]), asked).catch(() => undefined);
  const incoming: unknown = (await answered)[0];
  if (!isIncoming(incoming)) throw new Error('that is no answer');
  const answer = { status: incoming.statusCode, headers: incoming.headers, body: await text(incoming) };
  asked.destroy();
  return answer;
}

/** The digest of what is served there. */
export async function fetchDigest(url: string): Promise<string> {
  const asked = get(url, { agent: false });
  const incoming: unknown = (await once(asked, 'response'))[0];
  if (!isIncoming(incoming)) throw new Error('that is no answer');
  const hash = createHash('sha256');
  await pipeline(incoming, hash);
  return `sha256:${hash.digest('hex')}`;
}

export async function openSession(base: string): Promise<URL> {
  const { headers } = await send(`${base}/v2/large/blobs/uploads/`, 'POST', undefined);
  return new URL(headers.location ?? '', base);
}

export function withDigest(session: URL, digest: string): URL {
  const url = new URL(session);
  url.searchParams.set('digest', digest);
  return url;
}

function isIncoming(value: unknown): value is IncomingMessage {
  return value instanceof Readable && 'statusCode' in value;
}
