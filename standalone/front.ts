/**
 * The served port. It passes bytes to workerd and back, and does one thing more: it answers a TLS hello at once.
 *
 * docker, skopeo, podman and buildah try HTTPS first on every registry of 127.0.0.0/8 that they may use without it.
 * workerd waits fifteen seconds for the end of what it takes for a request line, and the clients ten before they fall
 * back to HTTP: ten seconds for every push and every pull. The first byte tells (RFC 8446 §5.1: 22, a handshake).
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const TLS_HANDSHAKE = 0x16;
const NOT_TLS =
  'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\nThis port speaks HTTP, not HTTPS.\n';
/** Large, since every layer passes here. */
const BUFFER_BYTES = 1024 * 1024;
/** A workerd that died is back within about a second; until then its clients wait. */
const CONNECT_ATTEMPTS = 50;
const CONNECT_PAUSE_MS = 100;
const INNER_HOST = '127.0.0.1';

export class Front {
  readonly #server: Server;
  readonly #clients = new Set<Socket>();
  readonly #silent = new Set<Socket>();
  /** Where workerd listens now. */
  target = 0;

  private constructor() {
    const options = { allowHalfOpen: true, noDelay: true, highWaterMark: BUFFER_BYTES };
    this.#server = createServer(options, (client) => {
      this.#accept(client);
    });
  }

  /** Rejects with the system's error when nobody can listen there. */
  static async listen(host: string, port: number): Promise<Front> {
    const front = new Front();
    front.#server.listen(port, host);
    await once(front.#server, 'listening');
    return front;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Takes no new connection; one that has asked for nothing yet is closed. */
  stopListening(): void {
    this.#server.close();
    for (const client of this.#silent) client.destroy();
  }

  /** Fulfilled when every connection has got all that workerd said on it. */
  async finished(): Promise<void> {
    while (this.#clients.size > 0) await Promise.all([...this.#clients].map((client) => once(client, 'close')));
  }

  #accept(client: Socket): void {
    this.#clients.add(client);
    this.#silent.add(client);
    client.once('close', () => {
      this.#clients.delete(client);
      this.#silent.delete(client);
    });
    client.on('error', () => client.destroy());
    client.once('data', (first: Buffer) => {
      this.#silent.delete(client);
      if (first[0] === TLS_HANDSHAKE) {
        client.resume();
        client.end(NOT_TLS);
        return;
      }
      client.pause();
      void this.#pass(client, first);
    });
  }

  async #pass(client: Socket, first: Buffer): Promise<void> {
    const workerd = await this.#connect(client);
    if (workerd === undefined) {
      client.destroy();
      return;
    }
    workerd.on('error', () => client.destroy());
    client.once('close', () => workerd.destroy());
    workerd.once('close', () => client.destroySoon());
    workerd.write(first);
    client.pipe(workerd);
    workerd.pipe(client);
  }

  async #connect(client: Socket): Promise<Socket | undefined> {
    for (let attempt = 0; attempt < CONNECT_ATTEMPTS && !client.destroyed; attempt += 1) {
      const socket = connect({ host: INNER_HOST, port: this.target, allowHalfOpen: true, noDelay: true });
      try {
        await once(socket, 'connect');
        return socket;
      } catch {
        socket.destroy();
        await delay(CONNECT_PAUSE_MS);
      }
    }
    return undefined;
  }
}
