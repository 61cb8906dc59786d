/**
 * The served port. It passes bytes to workerd and back, and does two things more: it answers a TLS hello at once, and a
 * first request that workerd would stumble over (`odd-request.ts`). With a certificate it speaks TLS (tls/), and it is
 * what is not TLS that is answered at once (docs/adr/0015-tls-in-the-front.md).
 *
 * docker, skopeo, podman and buildah try HTTPS first on every registry of 127.0.0.0/8 that they may use without it.
 * workerd waits fifteen seconds for the end of what it takes for a request line, and the clients ten before they fall
 * back to HTTP: ten seconds for every push and every pull. The first byte tells (`tls-hello.ts`).
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { finished } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';
import { free } from './freed-bytes.ts';
import { isEndless } from './endless-request.ts';
import { oddityOf, refusalOf } from './odd-request.ts';
import { Peers } from './peers.ts';
import { isTlsHello, NO_CERTIFICATE, NOT_TLS, ONLY_TLS } from './tls-hello.ts';
import type { SecureSide } from './tls/secure-side.ts';
import { Untaken } from './untaken.ts';

const TOO_MANY =
  'HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\nContent-Type: application/json\r\n\r\n' +
  '{"errors":[{"code":"UNAVAILABLE","message":"too many clients are connected; try again in a moment"}]}\n';
/** Those who are told that there are too many need a connection for it; of even more, none is accepted. */
const TURNED_AWAY_AT_ONCE = 256;
/** Large, since every layer passes here: half the bytes in a read are twice the work for them. */
export const BUFFER_BYTES = 1024 * 1024;
/** What is first read of workerd into: most answers are small, and V8 collects the more often the more such memory it sees. */
const FIRST_READ_BYTES = 16 * 1024;
const READ_GROWTH = 8;
/** Of more clients at once each is read for in smaller pieces, so that those who take nothing don't fill the memory. */
const MANY_CLIENTS = 128;
const PIECE_OF_MANY_BYTES = FIRST_READ_BYTES * READ_GROWTH;
/** As much as Node reads of a connection in one turn. */
const GATHERED_BYTES = 512 * 1024;
/** How long workerd itself waits for a request; and for who spoke TLS to hang up. */
const SILENCE_LIMIT_MS = 15_000;
/** Who has sent nothing for so long sends no more. */
const QUIET_MS = 200;
/** How long one that was turned away may take to hang up. */
const HANG_UP_MS = 5_000;
/** A workerd that died is back within about a second; until then its clients wait. */
const CONNECT_ATTEMPTS = 50;
const CONNECT_PAUSE_MS = 100;
/** A request without a body is smaller, and costs less to leave to V8 than to free. */
const FREED_FROM_BYTES = 16 * 1024;
const INNER_HOST = '127.0.0.1';

export class Front {
  readonly #server: Server;
  readonly #clients = new Set<Socket>();
  /** Those that are served. */
  readonly #served = new Set<Socket>();
  /** Of these, those whose answer ends when they hang up. */
  readonly #endless = new Set<Socket>();
  /** Those that have asked for nothing yet, and those that were turned away; in the order in which they came. */
  readonly #idle = new Set<Socket>();
  readonly #untaken = new Untaken((client) => {
    this.#reset(client);
  });
  readonly #mostClients: number;
  readonly #secure: SecureSide | undefined;
  /** Of a client that speaks TLS, the connection below it. */
  readonly #below = new WeakMap<Socket, Socket>();
  /** Where workerd listens now. */
  target = 0;
  /** Who is at the other end of each connection to workerd. */
  readonly peers = new Peers();

  private constructor(mostClients: number, secure: SecureSide | undefined) {
    this.#mostClients = mostClients;
    this.#secure = secure;
    const options = { allowHalfOpen: true, noDelay: true, highWaterMark: BUFFER_BYTES };
    this.#server = createServer(options, (client) => {
      this.#accept(client);
    });
    this.#server.maxConnections = 2 * mostClients + TURNED_AWAY_AT_ONCE;
  }

  /**
   * Rejects with the system's error when nobody can listen there.
   *
   * @param mostClients more connections at once are answered 503
   * @param secure where it is there, nothing but TLS is spoken
   */
  static async listen(host: string, port: number, mostClients: number, secure?: SecureSide): Promise<Front> {
    const front = new Front(mostClients, secure);
    front.#server.listen(port, host);
    await once(front.#server, 'listening');
    return front;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Takes no new connection; one that has asked for nothing yet is closed, and one that would be answered for ever. */
  stopListening(): void {
    this.#server.close();
    for (const client of [...this.#idle, ...this.#endless]) client.destroy();
    this.#untaken.hurry();
  }

  /** Fulfilled when every connection has got all that workerd said on it, whether or not its client hangs up too. */
  async finished(): Promise<void> {
    await Promise.allSettled([...this.#clients].map((client) => finished(client, { readable: false })));
  }

  #accept(raw: Socket): void {
    // Node keeps what it was asked once: of a connection that has ended meanwhile nobody could tell.
    this.#addressOf(raw);
    this.#await(raw, (first) => {
      if (this.#secure === undefined) {
        if (isTlsHello(first)) turnAway(raw, NOT_TLS);
        else this.#begin(raw, first);
      } else if (isTlsHello(first)) void this.#acceptSecure(raw, first, this.#secure);
      else {
        this.#secure.refusePlain(raw);
        turnAway(raw, ONLY_TLS);
      }
    });
  }

  /** A handshake that is under way is one more client that has asked for nothing yet. */
  async #acceptSecure(raw: Socket, first: Buffer, secure: SecureSide): Promise<void> {
    raw.pause();
    // From here on the handshake has a limit of its own, and then the client above it.
    raw.setTimeout(0);
    const client = await secure.shakeHands(raw, first);
    if (client === undefined) return;
    this.#clients.delete(raw);
    if (!this.#idle.delete(raw)) {
      client.destroy();
      return;
    }
    this.#below.set(client, raw);
    this.#await(client, (request) => {
      if (secure.isWelcome(client)) this.#begin(client, request);
      else turnAway(client, NO_CERTIFICATE);
    });
  }

  /** Hands over what a client says first, and lets go who says nothing. */
  #await(client: Socket, onFirst: (first: Buffer) => void): void {
    this.#clients.add(client);
    this.#idle.add(client);
    // Who says nothing takes no place from who does: the one that has been silent for longest goes.
    const [longest] = this.#idle;
    if (this.#idle.size > this.#mostClients) longest?.destroy();
    client.once('close', () => {
      this.#clients.delete(client);
      this.#idle.delete(client);
      this.#served.delete(client);
      this.#endless.delete(client);
      this.#untaken.ended(client);
    });
    client.on('error', () => {
      client.destroy();
    });
    client.once('end', () => {
      if (this.#idle.has(client)) client.destroySoon();
    });
    client.setTimeout(SILENCE_LIMIT_MS, () => {
      client.destroy();
    });
    client.once('data', onFirst);
  }

  #begin(client: Socket, first: Buffer): void {
    // The next requests on the connection pass unseen; they are of the same client.
    const oddity = oddityOf(first);
    if (oddity !== undefined) {
      turnAway(client, refusalOf(oddity));
      return;
    }
    if (this.#served.size >= this.#mostClients) {
      turnAway(client, TOO_MANY);
      return;
    }
    this.#idle.delete(client);
    this.#served.add(client);
    client.setTimeout(0);
    client.pause();
    void this.#pass(client, first);
  }

  /** Each side hears of the other's end: of a half-close by a half-close, of a broken connection by a broken one. */
  async #pass(client: Socket, first: Buffer): Promise<void> {
    const workerd = await this.#connect(client);
    if (workerd === undefined || client.destroyed) {
      workerd?.destroy();
      client.destroy();
      return;
    }
    const { localPort } = workerd;
    if (localPort !== undefined) workerd.once('close', this.peers.add(localPort, this.#addressOf(client)));
    let isEndless = false;
    client.once('close', () => {
      // workerd goes on answering who only sends no more: of a stream it would hear with the next heartbeat.
      if (isEndless) workerd.resetAndDestroy();
      else workerd.destroy();
    });
    workerd.once('end', () => {
      endOf(client);
      // It may still read what it was sent, but not stay for ever: the clock starts anew with every byte.
      client.setTimeout(SILENCE_LIMIT_MS, () => {
        client.destroy();
      });
    });
    workerd.once('error', () => {
      // An answer that came early, to a client that still sends: to hang up now could take it away (RFC 9112 §9.6).
      if (client.writableEnded || workerd.readableEnded) client.resume();
      else this.#reset(client);
    });
    forward(client, workerd, first, () => {
      isEndless = true;
      if (this.#server.listening) this.#endless.add(client);
      else client.destroy();
    });
  }

  /** Undefined when the client is gone, or workerd for longer than a restart takes. */
  async #connect(client: Socket): Promise<Socket | undefined> {
    for (let attempt = 0; attempt < CONNECT_ATTEMPTS && !client.destroyed; attempt += 1) {
      const workerd = this.#connectTo(this.target, client);
      try {
        await once(workerd, 'connect');
        return workerd;
      } catch {
        await delay(CONNECT_PAUSE_MS);
      }
    }
    return undefined;
  }

  /**
   * A connection to workerd whose answer goes to the client through one buffer, which is read into again once the system
   * has taken what was in it; one that was filled gives way to a larger one. A stream in flowing mode allocates 64 KiB for every
   * read and makes two turns of them.
   */
  #connectTo(port: number, client: Socket): Socket {
    let chunk = Buffer.allocUnsafeSlow(FIRST_READ_BYTES);
    let isFilled = false;
    const workerd = connect({
      host: INNER_HOST,
      port,
      allowHalfOpen: true,
      noDelay: true,
      ...(client instanceof TLSSocket ? { highWaterMark: GATHERED_BYTES } : {}),
      onread: {
        buffer: () => {
          const most = this.#served.size > MANY_CLIENTS ? PIECE_OF_MANY_BYTES : BUFFER_BYTES;
          if (isFilled && chunk.byteLength < most) chunk = Buffer.allocUnsafeSlow(chunk.byteLength * READ_GROWTH);
          return chunk;
        },
        callback: (length, buffer) => {
          isFilled = length === buffer.byteLength;
          const taken = (): boolean => client.writableLength === 0;
          client.write(buffer.subarray(0, length), () => {
            if (!taken()) return;
            this.#untaken.ended(client);
            workerd.resume();
          });
          if (!taken()) this.#untaken.waits(client);
          return taken();
        },
      },
    });
    return workerd;
  }

  #addressOf(client: Socket): string | undefined {
    return (this.#below.get(client) ?? client).remoteAddress;
  }

  /** Ends a connection at once, with what is on its way to the client. */
  #reset(client: Socket): void {
    (this.#below.get(client) ?? client).resetAndDestroy();
  }
}

/** Answers without asking workerd. However many bytes still come, the connection ends soon. */
function turnAway(client: Socket, answer: string): void {
  client.write(answer);
  endOf(client);
  // What is left unread would make the system cut the answer short.
  client.resume();
  const limit = setTimeout(() => {
    client.destroy();
  }, HANG_UP_MS);
  client.once('close', () => {
    clearTimeout(limit);
  });
}

/**
 * Says that nothing more will come. TLS says it by `close_notify` (RFC 8446 §6.1), behind which Node takes bytes that still
 * come for a breach: the connection would be reset, and an early answer be lost with it. So a client that sends is let finish,
 * for a while.
 */
function endOf(client: Socket): void {
  if (!(client instanceof TLSSocket)) {
    client.end();
    return;
  }
  let isQuiet = true;
  let looks = 0;
  const look = setInterval(() => {
    looks += 1;
    if (isQuiet || looks * QUIET_MS >= HANG_UP_MS) client.end();
    isQuiet = true;
  }, QUIET_MS);
  client.on('data', () => {
    isQuiet = false;
  });
  client.once('end', () => client.end());
  for (const over of ['finish', 'close'])
    client.once(over, () => {
      clearInterval(look);
    });
}

/**
 * What the client sends goes to workerd, as by `pipe`, and its memory is given back as soon as the system has it.
 *
 * @param onEndless what is called when it asks for what has no end
 */
function forward(client: Socket, workerd: Socket, first: Buffer, onEndless: () => void): void {
  const gather = client instanceof TLSSocket ? gatherer(workerd) : undefined;
  const write = (bytes: Buffer): void => {
    // Whoever still sends to a workerd that hears no more is read to his end.
    if (!workerd.writable) return;
    if (isEndless(bytes)) onEndless();
    gather?.();
    const isTaken =
      bytes.byteLength < FREED_FROM_BYTES
        ? workerd.write(bytes)
        : workerd.write(bytes, () => {
            free(bytes);
          });
    if (!isTaken) client.pause();
  };
  workerd.on('drain', () => {
    client.resume();
  });
  client.on('data', write);
  write(first);
  // It may have said all, and closed its side, while workerd was being connected.
  if (client.readableEnded) workerd.end();
  else client.once('end', () => workerd.end());
  if (!workerd.writableNeedDrain) client.resume();
}

/**
 * TLS comes in records of 16 KiB at most (RFC 8446 §5.1), each of them an event. Those of one turn go to the system at once,
 * which takes a fifth off the work that a byte is.
 */
function gatherer(workerd: Socket): () => void {
  let isGathering = false;
  return () => {
    if (isGathering) return;
    isGathering = true;
    workerd.cork();
    setImmediate(() => {
      isGathering = false;
      workerd.uncork();
    });
  };
}
