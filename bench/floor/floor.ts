/** The floor from the client's side: starts serve.ts and knows how its Worker and the sink are asked. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as v from 'valibot';
import type { HttpConnection } from '../http-client.ts';
import { timedCalls } from '../timing.ts';

const PROGRAM = join(import.meta.dirname, 'serve.ts');
/** Node says of its stripping of types, which runs this very bench, that it may change. */
const NODE_OPTIONS = ['--disable-warning=ExperimentalWarning'];
const PULLED_KEY = 'pulled';

const Ports = v.pipe(v.string(), v.parseJson(), v.object({ direct: v.number(), front: v.number(), sink: v.number() }));

export const WAYS = ['put', 'multipart', 'fixed'] as const;
export type Way = (typeof WAYS)[number];
/** `direct` is workerd's own socket. */
export type Entrance = 'direct' | 'front';

export class Floor {
  readonly #child: ChildProcess;
  readonly #ports: v.InferOutput<typeof Ports>;
  #keys = 0;

  private constructor(child: ChildProcess, ports: v.InferOutput<typeof Ports>) {
    this.#child = child;
    this.#ports = ports;
  }

  static async start(data: string): Promise<Floor> {
    const child = spawn(process.execPath, [...NODE_OPTIONS, PROGRAM, data], { stdio: ['pipe', 'pipe', 'inherit'] });
    const printed: unknown = await Promise.race([
      once(createInterface({ input: child.stdout }), 'line'),
      once(child, 'exit').then(() => {
        throw new Error('the floor ended before it served; it says above why');
      }),
    ]);
    const [ports] = v.parse(v.tuple([Ports]), printed);
    return new Floor(child, ports);
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.stdin?.end();
    await ended;
  }

  /** Milliseconds. With the hex digest of the body, the floor verifies it while it passes. */
  push(way: Way, entrance: Entrance, body: Buffer, sha256?: string): Promise<number> {
    this.#keys += 1;
    const path = `/${way}/${this.#keys}${sha256 === undefined ? '' : `?sha256=${sha256}`}`;
    return timedCalls(this.#ports[entrance], async (connection) => {
      await put(connection, path, body);
    });
  }

  /** Stores what `pull` reads. */
  async store(body: Buffer): Promise<void> {
    await timedCalls(this.#ports.direct, async (connection) => {
      await put(connection, `/put/${PULLED_KEY}`, body);
    });
  }

  pull(entrance: Entrance, size: number): Promise<number> {
    return timedCalls(this.#ports[entrance], (connection) => get(connection, `/${PULLED_KEY}`, size));
  }

  /** The client alone: nobody stores what it sends. */
  pushToSink(body: Buffer): Promise<number> {
    return timedCalls(this.#ports.sink, (connection) => put(connection, '/', body));
  }

  pullFromSink(size: number): Promise<number> {
    return timedCalls(this.#ports.sink, (connection) => get(connection, `/${size}`, size));
  }
}

async function put(connection: HttpConnection, path: string, body: Buffer): Promise<void> {
  const { status } = await connection.call({ method: 'PUT', path, body });
  if (status !== 201) throw new Error(`the floor answered PUT ${path} with ${status}`);
}

async function get(connection: HttpConnection, path: string, size: number): Promise<void> {
  const { status, bodyBytes } = await connection.call({ method: 'GET', path });
  if (status !== 200 || bodyBytes !== size) throw new Error(`GET ${path} answered ${status} with ${bodyBytes} bytes`);
}
