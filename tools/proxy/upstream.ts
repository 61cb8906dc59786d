/**
 * The registry, as this proxy asks it: over connections that are kept open, with certificates always verified. It is
 * either asked in a stream, which `pass-on.ts` does, or with a few bytes at hand that may be sent again.
 */
import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { createSecureContext } from 'node:tls';
import { free } from '../../standalone/freed-bytes.ts';
import type { HeaderList } from './headers.ts';
import { describeFailure } from './upstream-failure.ts';

/** Tokens that name many repositories are long. */
export const MOST_HEADER_BYTES = 64 * 1024;
/** A connection that nobody uses; well below what registries and those in front of them wait. */
const IDLE_MS = 15_000;
/** Neither a byte taken nor one sent. To finish a large blob may take the registry a while. */
const SILENCE_LIMIT_MS = 120_000;
/** Answers to uploads are a few lines. */
const MOST_ANSWER_BYTES = 64 * 1024;
/** Written at once: what is written waits encrypted, beside its plain bytes, until the network takes it. */
const WRITE_BYTES = 64 * 1024;

/** An answer that has been read whole. */
export interface Answer {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: Buffer;
}

export type Outcome =
  | { readonly kind: 'answered'; readonly answer: Answer }
  /** Nobody knows how much of it arrived. */
  | { readonly kind: 'broken'; readonly reason: string };

export interface Question {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Without `Content-Length`. */
  readonly headers: HeaderList;
  /** Must not change until there is an outcome. */
  readonly body?: Buffer;
  /** Ends it: nobody wants the answer any more. */
  readonly signal: AbortSignal;
  /** Bytes that went out. */
  readonly onSent?: (bytes: number) => void;
}

export class Upstream {
  /** An origin, https or http. */
  readonly url: URL;
  readonly #agent: http.Agent;
  readonly #request: typeof http.request;
  readonly #freed = new WeakSet<Socket>();

  /** @param ca PEM, in place of the certificates that Node trusts. */
  constructor(url: URL, ca?: string) {
    this.url = url;
    const options = { keepAlive: true, timeout: IDLE_MS };
    if (url.protocol === 'https:') {
      // Said outright: a variable of the environment (NODE_TLS_REJECT_UNAUTHORIZED) could switch it off otherwise.
      const verified = { ...options, rejectUnauthorized: true };
      this.#agent = new https.Agent(
        ca === undefined ? verified : { ...verified, secureContext: createSecureContext({ ca }) },
      );
      this.#request = https.request;
    } else {
      this.#agent = new http.Agent(options);
      this.#request = http.request;
    }
  }

  /** A request that its caller writes, ends and listens to. `headers` are sent as they are, `Host` among them. */
  open(method: string, path: string, headers: HeaderList): http.ClientRequest {
    const { hostname, port } = this.url;
    const request = this.#request({
      agent: this.#agent,
      host: hostname.replace(/^\[(.*)\]$/, '$1'),
      port: port === '' ? undefined : port,
      method,
      path,
      headers,
      maxHeaderSize: MOST_HEADER_BYTES,
    });
    request.once('socket', (socket) => {
      this.#freeReads(socket);
    });
    return request;
  }

  /** What a connection reads is copied by Node's parser, which is a listener too and done with it when all have been called. */
  #freeReads(socket: Socket): void {
    if (this.#freed.has(socket)) return;
    this.#freed.add(socket);
    socket.on('data', (bytes: Buffer) => {
      process.nextTick(free, bytes);
    });
  }

  /** Asks once. Rejects with the signal's reason. */
  exchange({ method, path, headers, body, signal, onSent }: Question): Promise<Outcome> {
    signal.throwIfAborted();
    const bytes = body ?? Buffer.alloc(0);
    const hasBody = body !== undefined || ['POST', 'PUT', 'PATCH'].includes(method);
    const length = hasBody ? ['Content-Length', String(bytes.length)] : [];
    return new Promise((settle, reject) => {
      const request = this.open(method, path, [...headers, ...length]);
      let isAnswered = false;
      const abort = (): void => {
        request.destroy();
        reject(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason)));
      };
      signal.addEventListener('abort', abort, { once: true });
      request.once('close', () => {
        signal.removeEventListener('abort', abort);
        // A registry that changes the protocol is heard of by nothing else.
        if (!isAnswered) fail(new Error('it gave no answer'));
      });
      const fail = (error: unknown): void => {
        settle({ kind: 'broken', reason: describeFailure(error, this.url) });
      };
      // Also after the answer: a connection that fails then is nobody's business any more.
      request.on('error', fail);
      request.setTimeout(SILENCE_LIMIT_MS, () => {
        request.destroy(new Error('not a word from there for too long'));
      });
      request.once('response', (incoming) => {
        isAnswered = true;
        readWhole(incoming)
          .then((answer) => {
            // What was not sent yet is not to be: its memory will be another chunk's.
            if (!request.writableFinished) request.destroy();
            settle({ kind: 'answered', answer });
          })
          .catch(fail);
      });

      let offset = 0;
      const write = (): void => {
        while (offset < bytes.length) {
          if (isAnswered || request.destroyed) return;
          const slice = bytes.subarray(offset, offset + WRITE_BYTES);
          offset += slice.length;
          const isTaken = request.write(slice);
          onSent?.(slice.length);
          if (!isTaken) {
            request.once('drain', write);
            return;
          }
        }
        request.end();
      };
      write();
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Rejects when it breaks off. Of one that is too long, its beginning. */
async function readWhole(incoming: http.IncomingMessage): Promise<Answer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of incoming) {
    if (!Buffer.isBuffer(piece)) throw new TypeError('a body consists of bytes');
    pieces.push(piece);
    length += piece.length;
    if (length > MOST_ANSWER_BYTES) break;
  }
  return {
    status: incoming.statusCode ?? 0,
    headers: incoming.rawHeaders,
    body: Buffer.concat(pieces).subarray(0, MOST_ANSWER_BYTES),
  };
}
