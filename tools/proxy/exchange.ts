/** A client's request and the answer to it, whoever makes that: the registry, in a stream or read whole, or this proxy. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ERRORS, type ErrorCode } from '../../src/oci/error.ts';
import { endToEnd, toUpstream, withReplaced, type HeaderList } from './headers.ts';
import { localLink, localLocation, type Place } from './locations.ts';
import type { Answer } from './upstream.ts';

/** Why something ended before it was done. */
class ClientGone extends Error {
  override readonly name = 'ClientGone';
}

/** How long a client may go on sending a body that nobody wants before it is hung up on. */
const DRAIN_LIMIT_MS = 10_000;

export interface Refusal {
  readonly message: string;
  /** In place of the code's own. */
  readonly status?: number;
}

export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly method: string;
  readonly place: Place;
  /** As the registry is to get them, those that describe the body included. */
  readonly headers: HeaderList;
  /** Aborted with `ClientGone` when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  readonly #authority: string;
  #awaitsContinue: boolean;

  /**
   * @param authority under which the client reaches this proxy.
   * @param awaitsContinue whether it sends its body only once it is told to (RFC 9110 §10.1.1).
   */
  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    {
      upstream,
      authority,
      awaitsContinue,
    }: { readonly upstream: URL; readonly authority: string; readonly awaitsContinue: boolean },
  ) {
    this.request = request;
    this.response = response;
    this.method = request.method ?? 'GET';
    this.place = { upstream, path: request.url ?? '/' };
    this.headers = toUpstream(request.rawHeaders, upstream.host);
    this.#authority = authority;
    this.#awaitsContinue = awaitsContinue;
    // The registry's own time goes through.
    response.sendDate = false;
    const gone = new AbortController();
    this.signal = gone.signal;
    response.once('close', () => {
      if (!response.writableFinished) gone.abort(new ClientGone('the client is gone'));
    });
    // What goes wrong on the way to a client that is gone is told by 'close'.
    response.on('error', () => undefined);
    request.on('error', () => undefined);
  }

  /** Has a client that waits for it send its body. */
  goOn(): void {
    if (!this.#awaitsContinue) return;
    this.#awaitsContinue = false;
    this.response.writeContinue();
  }

  /** The beginning of an answer; its body is up to the caller. */
  begin(status: number, headers: HeaderList): void {
    // A client that was not told to go on may send its body all the same, or not: nobody could tell what follows.
    if (this.#awaitsContinue) this.response.shouldKeepAlive = false;
    const local = (location: string): string => localLocation(location, this.place, this.#authority);
    const link = (value: string): string => localLink(value, this.place, this.#authority);
    this.response.writeHead(status, withReplaced(withReplaced(endToEnd(headers), 'location', local), 'link', link));
  }

  /** An answer of the registry that was read whole. */
  relay({ status, headers, body }: Answer): void {
    if (this.response.headersSent) return;
    const lengthless = withoutLength(headers);
    this.begin(status, mayHaveBody(status) ? [...lengthless, 'Content-Length', String(body.length)] : lengthless);
    if (mayHaveBody(status) && this.method !== 'HEAD') this.response.write(body);
    void this.end();
  }

  /**
   * Ends an answer whose bytes are written. To a client that still sends that may close the connection, and what is closed
   * while bytes are on their way takes the answer with it (RFC 9112 §9.6): so those are waited for. Somebody has to read them.
   */
  async end(): Promise<void> {
    const { request, response } = this;
    if (!request.complete && !this.#awaitsContinue && !request.destroyed) {
      this.response.flushHeaders();
      const limit = setTimeout(() => request.destroy(), DRAIN_LIMIT_MS);
      await new Promise<void>((settle) => {
        request.once('end', settle).once('close', settle);
      });
      clearTimeout(limit);
    }
    response.end();
  }

  /** An answer of this proxy's own, in the form of the specification ("Error Codes"). */
  refuse(code: ErrorCode, { message, status = ERRORS[code].status }: Refusal): void {
    this.relay({
      status,
      headers: ['Content-Type', 'application/json', 'Docker-Distribution-Api-Version', 'registry/2.0'],
      body: Buffer.from(JSON.stringify({ errors: [{ code, message }] })),
    });
  }
}

const NO_CONTENT = 204;
const NOT_MODIFIED = 304;

function mayHaveBody(status: number): boolean {
  return status !== NO_CONTENT && status !== NOT_MODIFIED;
}

function withoutLength(headers: HeaderList): string[] {
  return headers.filter((_, at) => headers[at - (at % 2)]?.toLowerCase() !== 'content-length');
}
