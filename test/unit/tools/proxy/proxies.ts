/** Proxies in this process, and clients of theirs that look at the bare wire. */
import { once } from 'node:events';
import { request, type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { Reporter } from '../../../../tools/proxy/reporter.ts';
import { ProxyServer } from '../../../../tools/proxy/server.ts';
import { Upstream } from '../../../../tools/proxy/upstream.ts';

const MIB = 1024 * 1024;

export interface TestProxy {
  readonly url: URL;
  readonly server: ProxyServer;
  /** What it waited for, instead of waiting. */
  readonly waits: number[];
  /** What it printed, to stdout and stderr. */
  readonly said: () => string;
}

export async function startProxy(
  upstream: URL,
  { chunkBytes = MIB, isOpen = false }: { chunkBytes?: number; isOpen?: boolean } = {},
): Promise<TestProxy> {
  const out = new PassThrough();
  const waits: number[] = [];
  const registry = new Upstream(upstream);
  let said = '';
  out.on('data', (text: Buffer) => {
    said += text.toString();
  });
  const server = await ProxyServer.listen({
    ...{ upstream: registry, host: '127.0.0.1', port: 0, isOpen, chunkBytes },
    reporter: new Reporter({ out, errors: out, isVerbose: true }),
    wait: async (ms) => {
      waits.push(ms);
    },
  });
  onTestFinished(async () => {
    registry.close();
    await server.stop();
  });
  return { url: new URL(`http://127.0.0.1:${String(server.port)}`), server, waits, said: () => said };
}

export interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Sends a body whole, with its length, or in pieces without one; answers with what came back. */
export async function ask(
  url: URL | string,
  options: RequestOptions = {},
  body?: Buffer | AsyncIterable<Buffer>,
): Promise<Answer> {
  const asked = request(url, { agent: false, ...options });
  const answered = answerTo(asked);
  const state = { isAnswered: false };
  void answered
    .catch(() => undefined)
    .finally(() => {
      state.isAnswered = true;
    });
  if (body === undefined || Buffer.isBuffer(body)) asked.end(body);
  else {
    for await (const piece of body) {
      if (state.isAnswered) break;
      // Node tells of no room any more once the answer is there.
      if (!asked.write(piece)) await Promise.race([once(asked, 'drain'), answered]);
    }
    if (!state.isAnswered) asked.end();
  }
  const incoming = await answered;
  return { status: incoming.statusCode, headers: incoming.headers, body: (await buffer(incoming)).toString() };
}

/** Rejects when there is none. */
export function answerTo(asked: ClientRequest): Promise<IncomingMessage> {
  return new Promise((settle, reject) => {
    asked.once('response', settle);
    // An answer that comes early may be followed by a connection that is cut.
    asked.on('error', reject);
  });
}
