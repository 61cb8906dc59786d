/**
 * A webhook's receiver: a real HTTP server on 127.0.0.1 that answers as it is told (reactions.ts), checks what it gets as
 * Standard Webhooks 1.0 demands, and remembers every request.
 */
import { createHmac } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { buffer } from 'node:stream/consumers';
import { answering, type Reaction, type React } from './reactions.ts';

const WAIT_LIMIT_MS = 60_000;
/** Standard Webhooks: a receiver refuses what is older, or from the future. */
const TOLERANCE_SECONDS = 300;

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Why its signature does not count; undefined for one that does. */
  readonly signatureProblem: string | undefined;
  readonly reaction: Reaction;
}

export interface ReceiverOptions {
  readonly react?: React;
  /** `whsec_…`: what every request has to be signed with. */
  readonly secret?: string;
  /** Called with every request, before it is answered. */
  readonly onRequest?: (request: ReceivedRequest) => void;
  /** False: what was received is not kept, since there is too much of it. */
  readonly keeps?: boolean;
}

export class Receiver {
  /** How it answers from now on. */
  react: React;
  readonly requests: ReceivedRequest[] = [];
  /** Connections, whatever became of them. */
  connections = 0;
  readonly #server: Server;
  readonly #options: ReceiverOptions;
  readonly #news = new EventEmitter().setMaxListeners(0);
  readonly #stalled = new Set<ServerResponse>();

  private constructor(server: Server, options: ReceiverOptions) {
    this.#server = server;
    this.#options = options;
    this.react = options.react ?? answering(200);
    server.on('connection', () => {
      this.connections += 1;
      this.#news.emit('connection');
    });
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.#receive(request, response).catch(() => {
        // The sender was killed in the middle of it.
        response.destroy();
      });
    });
  }

  static async start(options: ReceiverOptions = {}): Promise<Receiver> {
    const server = createServer();
    const receiver = new Receiver(server, options);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return receiver;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('it listens no more');
    return address.port;
  }

  get url(): string {
    return `http://127.0.0.1:${String(this.port)}/hook`;
  }

  /** Those that it took. */
  get accepted(): ReceivedRequest[] {
    return this.requests.filter(({ reaction }) => reaction.kind === 'answer' && reaction.status < 300);
  }

  /** Fulfilled once what it has got is enough; rejects with what came if it never is. */
  async until(isEnough: (requests: readonly ReceivedRequest[]) => boolean, limitMs = WAIT_LIMIT_MS): Promise<void> {
    const signal = AbortSignal.timeout(limitMs);
    while (!isEnough(this.requests)) {
      await once(this.#news, 'request', { signal }).catch((cause: unknown) => {
        const got = this.requests.map(({ body }) => body.slice(0, 300)).join('\n');
        throw new Error(`the awaited request never came; there were ${String(this.requests.length)}:\n${got}`, {
          cause,
        });
      });
    }
  }

  /** Fulfilled once somebody has connected, whether he then spoke HTTP or not. */
  async untilConnected(limitMs = WAIT_LIMIT_MS): Promise<void> {
    if (this.connections === 0) await once(this.#news, 'connection', { signal: AbortSignal.timeout(limitMs) });
  }

  /** Ends what it stalls as well. */
  async close(): Promise<void> {
    this.letGo();
    this.#server.close();
    this.#server.closeAllConnections();
    if (this.#server.listening) await once(this.#server, 'close');
  }

  /** Breaks off what it has not answered. */
  letGo(): void {
    for (const response of this.#stalled) response.destroy();
    this.#stalled.clear();
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = (await buffer(request)).toString();
    const { method = '', url: path = '', headers } = request;
    const { secret, onRequest, keeps = true } = this.#options;
    const reaction = this.react(String(headers['webhook-id']));
    const signatureProblem = secret === undefined ? undefined : problemOf(headers, body, secret);
    const received = { method, path, headers, body, signatureProblem, reaction };
    if (keeps) this.requests.push(received);
    onRequest?.(received);
    this.#news.emit('request');
    switch (reaction.kind) {
      case 'break':
        response.destroy();
        return;
      case 'stall':
        this.#stalled.add(response);
        response.once('close', () => this.#stalled.delete(response));
        return;
      case 'answer':
        response.writeHead(reaction.status, reaction.headers).end(reaction.body);
    }
  }
}

/** Of the secrets and signatures of one version, any pair will do. */
function problemOf(headers: IncomingHttpHeaders, body: string, secret: string): string | undefined {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature } = headers;
  if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof signature !== 'string')
    return 'a header is missing';
  if (Math.abs(Date.now() / 1_000 - Number(timestamp)) > TOLERANCE_SECONDS) return `its time is ${timestamp}`;
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return signature.split(' ').includes(`v1,${expected}`) ? undefined : `the signature is ${signature}`;
}
