/**
 * The port that clients push to and pull from. Each request goes one of two ways: unchanged (`pass-on.ts`) or in chunks
 * (`cut-upload.ts`).
 *
 * On loopback it serves the programs of this machine alone. The registry sees its own name in `Host`, whatever the client
 * said, so a page that rebinds its name to 127.0.0.1, or fetches across origins, has to be turned away here.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { isTlsHello, NOT_TLS } from '../../standalone/tls-hello.ts';
import { ChunkMemory } from './chunk-memory.ts';
import { cutUpload } from './cut-upload.ts';
import { Exchange, type Refusal } from './exchange.ts';
import { isOwn } from './headers.ts';
import { passOn } from './pass-on.ts';
import type { Reporter } from './reporter.ts';
import { SessionOffsets } from './session-offsets.ts';
import { planOf } from './upload-request.ts';
import { MOST_HEADER_BYTES, type Upstream } from './upstream.ts';

/** A client's connection that asks for nothing. Longer than clients keep theirs, so that it is they who close it. */
const KEEP_ALIVE_MS = 120_000;
/** How long one that was answered before it spoke HTTP may take to hang up. */
const HANG_UP_MS = 15_000;

/** As in src/auth/authenticate.ts. */
const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;

const LOOP_DETECTED = 508;
const INTERNAL_ERROR = 500;

export interface ServerOptions {
  readonly upstream: Upstream;
  readonly host: string;
  readonly port: number;
  /** Whether requests may come from other machines, and may name any host. */
  readonly isOpen: boolean;
  readonly chunkBytes: number;
  readonly reporter: Reporter;
  /** Fulfilled after so long; rejects with the signal's reason. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

export class ProxyServer {
  readonly #options: ServerOptions;
  readonly #server: Server;
  readonly #memory: ChunkMemory;
  readonly #offsets = new SessionOffsets();

  private constructor(options: ServerOptions) {
    this.#options = options;
    this.#memory = new ChunkMemory(options.chunkBytes);
    this.#server = createServer({
      // A large layer over a slow line takes as long as it takes.
      requestTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: MOST_HEADER_BYTES,
    });
    this.#server.on('request', (request, response) => {
      void this.#serve(request, response, false);
    });
    this.#server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      void this.#serve(request, response, true);
    });
    this.#server.on('clientError', answerBadRequest);
  }

  /** Rejects with the system's error when nobody can listen there. */
  static async listen(options: ServerOptions): Promise<ProxyServer> {
    const proxy = new ProxyServer(options);
    proxy.#server.listen(options.port, options.host);
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    const address: AddressInfo | string | null = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Takes no new request; fulfilled when those that run are answered. */
  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): Promise<void> {
    const { upstream, host, reporter } = this.#options;
    const exchange = new Exchange(request, response, {
      upstream: upstream.url,
      authority: request.headers.host ?? `${host}:${String(this.port)}`,
      awaitsContinue,
    });
    response.once('finish', () => {
      // Connections that are kept open would keep a server that stops.
      if (this.#server.listening) return;
      setImmediate(() => {
        this.#server.closeIdleConnections();
      });
    });
    const watch = reporter.begin(exchange.method, exchange.place.path, request.headers['content-length']);
    try {
      const { status, failure } = await this.#answer(exchange, watch);
      watch.end(status, failure);
    } catch (error) {
      if (exchange.signal.aborted) watch.end(undefined);
      else {
        exchange.refuse('UNKNOWN', { message: 'berth proxy: something went wrong here; its terminal says what' });
        watch.end(INTERNAL_ERROR, error instanceof Error ? (error.stack ?? error.message) : String(error));
      }
    }
  }

  async #answer(
    exchange: Exchange,
    watch: ReturnType<Reporter['begin']>,
  ): Promise<{ readonly status: number | undefined; readonly failure?: string }> {
    const { upstream, chunkBytes, wait } = this.#options;
    const refusal = this.#refusal(exchange);
    if (refusal !== undefined) {
      exchange.refuse('DENIED', refusal);
      exchange.request.resume();
      return { status: exchange.response.statusCode };
    }
    const { method, place, request } = exchange;
    const plan = planOf(method, place.path, request.rawHeaders, chunkBytes);
    switch (plan.kind) {
      case 'pass':
        return passOn(exchange, upstream, this.#offsets);
      case 'refuse':
        exchange.refuse(plan.code, { status: 400, message: plan.message });
        request.resume();
        return { status: exchange.response.statusCode };
      case 'cut':
        watch.isUpload(plan.upload);
        return cutUpload(exchange, plan.upload, {
          upstream,
          wait,
          watch,
          memory: this.#memory,
          offsets: this.#offsets,
        });
    }
  }

  #refusal({ request, place }: Exchange): Refusal | undefined {
    if (!place.path.startsWith('/'))
      return { status: 400, message: 'berth proxy: a request names a path, and no host' };
    if (isOwn(request.rawHeaders))
      return { status: LOOP_DETECTED, message: 'berth proxy: the address of the registry is that of this proxy' };
    if (this.#options.isOpen) return undefined;
    const { host = '', origin, referer } = request.headers;
    const site = request.headers['sec-fetch-site'] ?? 'none';
    const isForeign = (origin !== undefined && origin !== `http://${host}`) || referer !== undefined;
    if (!LOOPBACK_HOST.test(host) || isForeign || !['none', 'same-origin'].includes(site))
      return {
        message: 'berth proxy: open to programs on this machine, under 127.0.0.1 or localhost; --open lifts that',
      };
    return undefined;
  }
}

/** What is no request. docker, skopeo and podman try HTTPS first on every registry of 127.0.0.0/8. */
function answerBadRequest(error: Error, socket: Duplex): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const isHello = 'rawPacket' in error && error.rawPacket instanceof Uint8Array && isTlsHello(error.rawPacket);
  socket.on('error', () => undefined);
  socket.end(isHello ? NOT_TLS : BAD_REQUEST);
  // What is left unread would make the system cut the answer short.
  socket.resume();
  const limit = setTimeout(() => socket.destroy(), HANG_UP_MS);
  socket.once('close', () => {
    clearTimeout(limit);
  });
}

const BAD_REQUEST = 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';
