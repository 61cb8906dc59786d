/**
 * One HTTP request on a connection of its own, as the wire sees it: a body piece by piece, one that breaks off where it
 * is told to, and an answer that may never come. `fetch` would hide what a test of crashes is about.
 */
import { request } from 'node:http';
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { once } from 'node:events';

/** A request that is not answered by then hangs. A body may rest for 60 seconds, so it is a little longer. */
const ANSWER_LIMIT_MS = 75_000;
const PIECE_BYTES = 64 * 1024;

export interface Call {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: Body;
}

export interface Body {
  readonly bytes: Uint8Array;
  /** Sent without its length, in chunks of the transfer coding. */
  readonly chunked?: boolean;
  /** The client goes away once it has sent this many bytes. */
  readonly stopAfter?: number;
  /** Called after each piece; what it returns is awaited. */
  readonly onSent?: (sent: number) => unknown;
  /** Called when the system has taken the whole request. */
  readonly onEnd?: () => unknown;
}

export interface Answer {
  readonly kind: 'answer';
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** `left`: the client itself went away. */
export interface Broken {
  readonly kind: 'broken' | 'left';
  readonly reason: string;
}

class Left extends Error {}

/** Never rejects for what server or network do, but for a request that hangs. */
export async function exchange(base: string, call: Call): Promise<Answer | Broken> {
  const { body } = call;
  const url = new URL(base);
  const sent = request({
    host: url.hostname,
    port: url.port,
    method: call.method,
    // As it is: a URL object would tidy it up.
    path: call.path,
    headers: { ...lengthOf(body), ...call.headers },
    // Or a connection that died a moment ago might be used once more.
    agent: false,
  });
  const hang = setTimeout(() => sent.destroy(new Error('hangs')), ANSWER_LIMIT_MS);
  const answered = answerTo(sent);
  answered.catch(() => undefined);
  try {
    await Promise.race([sendBody(sent, body), answered]);
    return await answered;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (reason === 'hangs') throw new Error(`${call.method} ${call.path} got no answer in ${ANSWER_LIMIT_MS} ms`);
    return { kind: error instanceof Left ? 'left' : 'broken', reason };
  } finally {
    clearTimeout(hang);
    sent.destroy();
  }
}

function lengthOf(body: Body | undefined): OutgoingHttpHeaders {
  if (body === undefined) return { 'content-length': 0 };
  return body.chunked === true ? { 'transfer-encoding': 'chunked' } : { 'content-length': body.bytes.byteLength };
}

function answerTo(sent: ClientRequest): Promise<Answer> {
  return new Promise((settle, fail) => {
    sent.once('error', fail);
    sent.once('response', (response: IncomingMessage) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.once('end', () => {
        const { statusCode: status = 0, headers } = response;
        settle({ kind: 'answer', status, headers, body: Buffer.concat(pieces) });
      });
      response.once('error', fail);
      response.once('aborted', () => {
        fail(new Error('the answer broke off'));
      });
    });
  });
}

async function sendBody(sent: ClientRequest, body: Body | undefined): Promise<void> {
  const bytes = body?.bytes ?? new Uint8Array();
  const end = Math.min(bytes.byteLength, body?.stopAfter ?? Infinity);
  for (let offset = 0; offset < end; offset += PIECE_BYTES) {
    const piece = bytes.subarray(offset, Math.min(end, offset + PIECE_BYTES));
    if (!sent.write(piece) && !sent.destroyed) await once(sent, 'drain');
    await body?.onSent?.(offset + piece.byteLength);
    // Whoever broke it has told `answerTo`.
    if (sent.destroyed) return;
  }
  if (body?.stopAfter !== undefined) {
    const left = new Left('the client went away');
    sent.destroy(left);
    throw left;
  }
  await new Promise<void>((settle) => {
    sent.end(settle);
  });
  await body?.onEnd?.();
}
