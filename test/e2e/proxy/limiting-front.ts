/**
 * Stands before a Berth as Cloudflare stands before a Worker: a body of more than 100 MB is refused with 413 and a page of
 * HTML, before the Worker hears of its end (developers.cloudflare.com/workers/platform/limits, "Request limits"). It
 * counts the bytes of every body, and cuts connections on order.
 */
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { onTestFinished } from 'vitest';

const LIMIT_BYTES = 100_000_000;
const TOO_LARGE = '<html><head><title>413 Request Entity Too Large</title></head><body>cloudflare</body></html>\n';

export interface Passed {
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  /** Of the body, so far. */
  bytes: number;
  /** Undefined while there is no answer. */
  status: number | undefined;
}

export class LimitingFront {
  /** What went by, in the order in which it came. */
  readonly passed: Passed[] = [];
  /** Asked of every request: after how many bytes of its body both sides lose their connection. */
  cutAfter: (entry: Passed) => number | undefined = () => undefined;
  readonly #target: URL;
  readonly #server = createServer({ requestTimeout: 0 }, (incoming, outgoing) => {
    this.#pass(incoming, outgoing);
  });

  private constructor(target: string) {
    this.#target = new URL(target);
  }

  static async start(target: string): Promise<LimitingFront> {
    const front = new LimitingFront(target);
    front.#server.listen(0, '127.0.0.1');
    await once(front.#server, 'listening');
    onTestFinished(() => {
      front.#server.closeAllConnections();
      front.#server.close();
    });
    return front;
  }

  /** `host:port`, for the names of images. */
  get host(): string {
    const address = this.#server.address();
    if (typeof address !== 'object' || address === null) throw new Error('the front does not listen');
    return `127.0.0.1:${String(address.port)}`;
  }

  get url(): string {
    return `http://${this.host}`;
  }

  of(method: string): Passed[] {
    return this.passed.filter((entry) => entry.method === method);
  }

  #pass(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { method = '', url: path = '', headers } = incoming;
    const range = headers['content-range'];
    const entry: Passed = { method, path, range, bytes: 0, status: undefined };
    this.passed.push(entry);
    const cutAfter = this.cutAfter(entry) ?? Number.POSITIVE_INFINITY;
    const inner = request({
      ...{ host: this.#target.hostname, port: this.#target.port, method, path, headers },
      agent: false,
    });
    const refuse = (): void => {
      entry.status = 413;
      incoming.unpipe(inner);
      inner.destroy();
      // A client that is still sending hears it before it is hung up on.
      outgoing.writeHead(413, { 'content-type': 'text/html', 'content-length': String(TOO_LARGE.length) });
      outgoing.write(TOO_LARGE);
      incoming.resume().once('close', () => outgoing.end());
    };
    incoming.on('data', (bytes: Buffer) => {
      entry.bytes += bytes.length;
      if (entry.bytes >= cutAfter) incoming.socket.destroy();
      if (entry.bytes > LIMIT_BYTES && entry.status === undefined) refuse();
    });
    incoming.on('error', () => inner.destroy());
    inner.on('error', () => {
      if (entry.status === undefined) outgoing.destroy();
    });
    inner.on('response', (answer) => {
      if (entry.status !== undefined) return;
      entry.status = answer.statusCode ?? 0;
      outgoing.writeHead(entry.status, answer.rawHeaders);
      answer.pipe(outgoing);
    });
    outgoing.on('close', () => {
      if (!outgoing.writableFinished) inner.destroy();
    });
    if (Number(headers['content-length'] ?? 0) > LIMIT_BYTES) refuse();
    else incoming.pipe(inner);
  }
}
