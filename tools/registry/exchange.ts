/**
 * One request and its answer (RFC 9112, by node:http). Node's fetch sends a stream without its length, which many
 * registries refuse; here a body has the length that was announced, and is no longer sent once it has been answered.
 */
import { once } from 'node:events';
import {
  Agent as PlainAgent,
  request as plainRequest,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import { untrustedCertificate } from '../../standalone/untrusted-certificate.ts';
import type { ClientCertificate } from './address.ts';
import { failure, success, StreamFailure, transientFailure, unanswered, type Outcome } from './outcome.ts';

/** Neither an answer nor a byte of one for so long is taken for none. */
const PATIENCE_MS = 60_000;
/** A registry that has all bytes of a blob may still have to copy them within its store before it answers. */
const PATIENCE_AFTER_BODY_MS = 600_000;
/** Signed addresses in Location are long. */
const MAX_HEADER_BYTES = 64 * 1024;
/** Of status 1xx (RFC 9110 §15.2); each of them counts as a word, so that a server could go on for ever. */
const MOST_INTERIM_ANSWERS = 16;
/** What is left of an answer that nobody reads: less than a new connection costs. */
const DRAINED_BYTES = 64 * 1024;

export interface Call {
  readonly method: 'HEAD' | 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Body;
  readonly signal: AbortSignal;
}

export interface Body {
  /** In bytes; as many have to come. */
  readonly length: number;
  /** Throws StreamFailure where the bytes end for a reason that is not the receiver's. */
  readonly pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

interface TlsSettings {
  /** PEM, in place of the certificates that Node trusts. */
  readonly ca?: readonly string[] | undefined;
  readonly certificate?: ClientCertificate | undefined;
  /** Who is shown the certificate: a registry may lead to servers that it is nobody's business of. */
  readonly origin?: string | undefined;
}

/** Connections that are used again. */
export class Connections {
  readonly #plain = new PlainAgent({ keepAlive: true });
  readonly #secure: SecureAgent;
  readonly #tls: TlsSettings;
  readonly #userAgent: string;

  constructor(userAgent: string, tls: TlsSettings = {}) {
    const { ca } = tls;
    this.#userAgent = userAgent;
    this.#tls = tls;
    this.#secure = new SecureAgent({ keepAlive: true, ...(ca === undefined ? {} : { ca: [...ca] }) });
  }

  async send({ method, url, headers, body, signal }: Call): Promise<Outcome<Answer>> {
    if (isStopped(signal)) return failure('was stopped');
    const options: RequestOptions = {
      method,
      signal,
      maxHeaderSize: MAX_HEADER_BYTES,
      headers: {
        'user-agent': this.#userAgent,
        // A body that is coded on the way has another digest.
        'accept-encoding': 'identity',
        ...headers,
        ...(method === 'GET' || method === 'HEAD' ? {} : { 'content-length': body?.length ?? 0 }),
      },
      // While bytes are sent, whoever sends them watches over them.
      timeout: body === undefined ? PATIENCE_MS : PATIENCE_AFTER_BODY_MS,
    };
    const request =
      url.protocol === 'https:'
        ? secureRequest(url, { ...options, ...this.#certificateFor(url), agent: this.#secure })
        : plainRequest(url, { ...options, agent: this.#plain });
    request.on('timeout', () => request.destroy(new Error('it says nothing any more')));
    let hints = 0;
    request.on('information', () => {
      hints += 1;
      if (hints > MOST_INTERIM_ANSWERS) request.destroy(new Error('it says again and again that its answer is coming'));
    });
    const answered = answerTo(request);
    try {
      if (body === undefined) request.end();
      // Whichever is first: a refusal comes while there is still a lot to send.
      else await Promise.race([sendBody(request, body), answered]);
      const message = await answered;
      return success(new Answer(request, message, `${method} ${url.host}`));
    } catch (error) {
      request.destroy();
      if (isStopped(signal)) return failure('was stopped');
      if (error instanceof StreamFailure) return { ok: false, failure: error.failure };
      const untrusted = untrustedCertificate(firstOf(error));
      const why = untrusted === undefined ? describe(error) : distrust(untrusted);
      return unanswered(`${method} ${url.host} got no answer: ${why}`, { transient: untrusted === undefined });
    }
  }

  #certificateFor({ origin }: URL): ClientCertificate | undefined {
    return origin === this.#tls.origin ? this.#tls.certificate : undefined;
  }
}

export class Answer {
  readonly status: number;
  readonly #request: ClientRequest;
  readonly #message: IncomingMessage;
  readonly #what: string;

  constructor(request: ClientRequest, message: IncomingMessage, what: string) {
    this.status = message.statusCode ?? 0;
    this.#request = request;
    this.#message = message;
    this.#what = what;
    // Whoever reads it hears of it there.
    message.on('error', () => undefined);
  }

  header(name: string): string | undefined {
    const value = this.#message.headers[name];
    return typeof value === 'string' ? value : value?.join(', ');
  }

  /** As announced; undefined where it is not. */
  get length(): number | undefined {
    const header = this.header('content-length') ?? '';
    return /^\d{1,15}$/.test(header) ? Number(header) : undefined;
  }

  /** All of it, if it is at most so many bytes. */
  async bytes(limitBytes: number): Promise<Outcome<Buffer>> {
    const pieces: Buffer[] = [];
    let total = 0;
    try {
      for await (const piece of piecesOf(this.#message)) {
        total += piece.byteLength;
        if (total > limitBytes) {
          this.#request.destroy();
          return failure(`${this.#what} was answered with more than ${limitBytes} bytes`);
        }
        pieces.push(piece);
      }
    } catch (error) {
      return transientFailure(`the answer to ${this.#what} broke off: ${describe(error)}`);
    }
    this.#finish();
    return success(Buffer.concat(pieces, total));
  }

  /** Piece by piece, for as long as it takes: whoever reads it watches over it. */
  async *stream(): AsyncGenerator<Uint8Array> {
    this.#request.setTimeout(0);
    try {
      yield* piecesOf(this.#message);
    } catch (error) {
      throw new StreamFailure(`the answer to ${this.#what} broke off: ${describe(error)}`, { transient: true });
    }
  }

  /** With its connection. */
  abandon(): void {
    this.#request.destroy();
  }

  /** When nobody wants what it says. */
  discard(): void {
    if ((this.length ?? Infinity) <= DRAINED_BYTES || this.#request.method === 'HEAD') {
      this.#message.resume();
      this.#finish();
    } else this.#request.destroy();
  }

  /** A connection on which a body was not sent to its end can't be used again. */
  #finish(): void {
    if (!this.#request.writableEnded) this.#request.destroy();
  }
}

/** Asked anew each time: it changes while one waits. */
function isStopped(signal: AbortSignal): boolean {
  return signal.aborted;
}

function answerTo(request: ClientRequest): Promise<IncomingMessage> {
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.on('error', reject);
    request.once('close', () => {
      reject(new Error('the connection was closed'));
    });
  });
  // It may fail while nobody waits for it yet.
  answered.catch(() => undefined);
  return answered;
}

async function sendBody(request: ClientRequest, { pieces }: Body): Promise<void> {
  const over = new AbortController();
  for (const event of ['response', 'close', 'error'])
    request.once(event, () => {
      over.abort();
    });
  for await (const piece of pieces) {
    if (over.signal.aborted) return;
    if (request.write(piece)) continue;
    try {
      await once(request, 'drain', { signal: over.signal });
    } catch {
      // Answered, or broken: whoever waits for the answer hears which.
      return;
    }
  }
  request.end();
}

async function* piecesOf(message: IncomingMessage): AsyncGenerator<Buffer> {
  for await (const piece of message) {
    if (!Buffer.isBuffer(piece)) throw new TypeError('the answer is no bytes');
    yield piece;
  }
  if (!message.complete) throw new Error('it is shorter than announced');
}

/** Never with an address: that may be signed. */
function describe(error: unknown): string {
  const one = firstOf(error);
  return one instanceof Error ? one.message : String(one);
}

/** Several addresses of one host may have been tried. */
function firstOf(error: unknown): unknown {
  return error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error;
}

function distrust(code: string): string {
  return `its certificate is not trusted here (${code}); NODE_EXTRA_CA_CERTS=/path/to/ca.pem names the one that signed it`;
}
