/** Receivers of webhooks: one that answers at once and tells what it has got, one that never answers, and one that is not there. */
import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type Server as TcpServer, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import * as v from 'valibot';

const HOST = '127.0.0.1';
const WAIT_LIMIT_MS = 120_000;

/** Of distribution's envelope, what is looked at. */
const Envelope = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ events: v.array(v.object({ id: v.string(), target: v.object({ tag: v.optional(v.string()) }) })) }),
);
export type ReceivedEvent = v.InferOutput<typeof Envelope>['events'][number];

export class Receiver {
  readonly #server: Server;
  readonly #ids = new Set<string>();
  readonly #news = new EventEmitter();
  #onEvent: (event: ReceivedEvent) => void = () => undefined;

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.#receive(request, response).catch(() => {
        // The sender has ended in the middle of it.
        response.destroy();
      });
    });
  }

  static async start(): Promise<Receiver> {
    const server = createServer().listen(0, HOST);
    await once(server, 'listening');
    return new Receiver(server);
  }

  get url(): string {
    return urlOf(this.#server);
  }

  /** How many events it has got, each counted once. */
  get count(): number {
    return this.#ids.size;
  }

  async reached(count: number): Promise<void> {
    const signal = AbortSignal.timeout(WAIT_LIMIT_MS);
    while (this.count < count) {
      await once(this.#news, 'request', { signal }).catch((cause: unknown) => {
        throw new Error(`of ${String(count)} events ${String(this.count)} came`, { cause });
      });
    }
  }

  /** When (as of performance.now) the first event comes that matches; to be called before that happens. */
  arrival(matches: (event: ReceivedEvent) => boolean): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const limit = setTimeout(() => {
      reject(new Error('the event never came'));
    }, WAIT_LIMIT_MS);
    this.#onEvent = (event) => {
      if (!matches(event)) return;
      clearTimeout(limit);
      resolve(performance.now());
    };
    return promise;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = (await buffer(request)).toString();
    response.writeHead(200).end();
    for (const event of v.parse(Envelope, body).events) {
      this.#ids.add(event.id);
      this.#onEvent(event);
    }
    this.#news.emit('request');
  }
}

/** Accepts whatever comes, and answers nothing. */
export class StalledReceiver {
  readonly #server: TcpServer;
  readonly #connections = new Set<Socket>();

  private constructor(server: TcpServer) {
    this.#server = server;
    server.on('connection', (connection: Socket) => {
      this.#connections.add(connection);
      connection
        .on('error', () => undefined)
        .on('close', () => this.#connections.delete(connection))
        .resume();
    });
  }

  static async start(): Promise<StalledReceiver> {
    const server = createTcpServer().listen(0, HOST);
    await once(server, 'listening');
    return new StalledReceiver(server);
  }

  get url(): string {
    return urlOf(this.#server);
  }

  /** Calls that wait for an answer now. */
  get waiting(): number {
    return this.#connections.size;
  }

  async untilWaiting(calls: number): Promise<void> {
    const signal = AbortSignal.timeout(WAIT_LIMIT_MS);
    while (this.waiting < calls) await once(this.#server, 'connection', { signal });
  }

  close(): void {
    this.#server.close();
    for (const connection of this.#connections) connection.destroy();
  }
}

export function deadUrl(freePort: number): string {
  return `http://${HOST}:${String(freePort)}/hook`;
}

function urlOf(server: TcpServer): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the receiver listens on no port');
  return `http://${HOST}:${String(address.port)}/hook`;
}
