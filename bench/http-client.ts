/**
 * HTTP/1.1 (RFC 9112) with as little work a byte as Node allows, so that what is measured is the server: a body is
 * written from one buffer, and an answer is read into another one that is used again and again.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectSecurely } from 'node:tls';

const HOST = '127.0.0.1';
const READ_BYTES = 1024 * 1024;
/** One chunk of a chunked body, and at most this much is handed to the system at a time. */
const WRITE_BYTES = 1024 * 1024;
const HEAD_END = '\r\n\r\n';
const LINE_END = '\r\n';
/** RFC 9110 §6.4.1. */
const NEVER_A_BODY = [204, 304];

/** Of this machine. What listens there speaks TLS where it has an authority. */
export type Port = number | SecurePort;
export interface SecurePort {
  readonly port: number;
  /** Who has signed its certificate, in PEM. */
  readonly authority: string;
}

export interface Call {
  readonly method: 'HEAD' | 'GET' | 'POST' | 'PATCH' | 'PUT';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | Pieces;
  /** The body goes as chunks of a length that nobody was told before (RFC 9112 §7.1). */
  readonly chunked?: boolean;
  /** Gets the answer's body piece by piece; a piece is overwritten when this returns. */
  readonly onBody?: (piece: Uint8Array) => void;
}

/** A body that is too large for one buffer. */
export interface Pieces {
  readonly byteLength: number;
  pieces(): Iterable<Buffer>;
}

export interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly bodyBytes: number;
}

interface Awaited {
  /** The answer to HEAD names a length and has no body (RFC 9110 §9.3.2). */
  readonly bodiless: boolean;
  readonly onBody: ((piece: Uint8Array) => void) | undefined;
  readonly settle: (answer: Answer) => void;
  head: string;
  status: number;
  headers: Map<string, string>;
  length: number | undefined;
  received: number;
}

/** One connection, on which one call follows the other. */
export class HttpConnection {
  readonly #socket: Socket;
  readonly #port: number;
  #awaited: Awaited | undefined;
  /** Rejected when the connection breaks or the server says what this client does not understand. */
  readonly #broken: Promise<never>;
  #fail: (reason: Error) => void = () => undefined;

  private constructor(port: Port) {
    this.#port = typeof port === 'number' ? port : port.port;
    this.#broken = new Promise((_settle, fail) => {
      this.#fail = fail;
    });
    this.#broken.catch(() => undefined);
    const options = {
      host: HOST,
      port: this.#port,
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafe(READ_BYTES),
        callback: (length: number, buffer: Uint8Array) => {
          this.#read(buffer.subarray(0, length));
          return true;
        },
      },
    };
    this.#socket = typeof port === 'number' ? connect(options) : connectSecurely({ ...options, ca: port.authority });
    this.#socket.on('error', this.#fail);
    this.#socket.once('close', () => {
      this.#fail(new Error('the connection was closed'));
    });
  }

  static async open(port: Port): Promise<HttpConnection> {
    const connection = new HttpConnection(port);
    const opened = typeof port === 'number' ? 'connect' : 'secureConnect';
    await Promise.race([once(connection.#socket, opened), connection.#broken]);
    return connection;
  }

  close(): void {
    this.#socket.destroy();
  }

  async call({ method, path, headers, body, chunked = false, onBody }: Call): Promise<Answer> {
    const answered = new Promise<Answer>((settle) => {
      this.#awaited = {
        bodiless: method === 'HEAD',
        onBody,
        settle,
        head: '',
        status: 0,
        headers: new Map(),
        length: undefined,
        received: 0,
      };
    });
    const framing = chunked ? 'transfer-encoding: chunked' : `content-length: ${body?.byteLength ?? 0}`;
    const head = [
      `${method} ${path} HTTP/1.1`,
      `host: ${HOST}:${this.#port}`,
      ...Object.entries({ 'content-type': 'application/octet-stream', ...headers }).map(
        ([name, value]) => `${name}: ${value}`,
      ),
      ...(method === 'GET' || method === 'HEAD' ? [] : [framing]),
    ];
    this.#socket.write(head.join(LINE_END) + HEAD_END);
    try {
      if (body !== undefined) await Promise.race([this.#send(body, chunked), this.#broken]);
      return await Promise.race([answered, this.#broken]);
    } catch (cause) {
      throw new Error(`${method} ${path} on port ${this.#port} got no answer`, { cause });
    }
  }

  async #send(body: Buffer | Pieces, chunked: boolean): Promise<void> {
    for (const whole of 'pieces' in body ? body.pieces() : [body]) {
      for (let offset = 0; offset < whole.byteLength; offset += WRITE_BYTES) {
        this.#write(whole.subarray(offset, offset + WRITE_BYTES), chunked);
        if (this.#socket.writableNeedDrain) await once(this.#socket, 'drain');
      }
    }
    if (chunked) this.#socket.write(`0${HEAD_END}`);
  }

  #write(piece: Buffer, chunked: boolean): void {
    if (!chunked) {
      this.#socket.write(piece);
      return;
    }
    this.#socket.cork();
    this.#socket.write(piece.byteLength.toString(16) + LINE_END);
    this.#socket.write(piece);
    this.#socket.write(LINE_END);
    this.#socket.uncork();
  }

  #read(bytes: Uint8Array): void {
    const awaited = this.#awaited;
    if (awaited === undefined) {
      this.#fail(new Error('the server answered what nobody asked'));
      return;
    }
    let body = bytes;
    if (awaited.length === undefined) {
      const before = awaited.head.length;
      awaited.head += Buffer.from(bytes).toString('latin1');
      const end = awaited.head.indexOf(HEAD_END);
      if (end < 0) return;
      body = bytes.subarray(end + HEAD_END.length - before);
      awaited.length = this.#parseHead(awaited, awaited.head.slice(0, end));
    }
    awaited.received += body.byteLength;
    if (body.byteLength > 0) awaited.onBody?.(body);
    if (awaited.received < awaited.length) return;
    this.#awaited = undefined;
    awaited.settle({ status: awaited.status, headers: awaited.headers, bodyBytes: awaited.received });
  }

  #parseHead(awaited: Awaited, head: string): number {
    const [first = '', ...fields] = head.split(LINE_END);
    awaited.status = Number(first.split(' ')[1]);
    for (const field of fields) {
      const colon = field.indexOf(':');
      awaited.headers.set(field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim());
    }
    if (awaited.bodiless || NEVER_A_BODY.includes(awaited.status)) return 0;
    const length = awaited.headers.get('content-length');
    if (length === undefined) this.#fail(new Error(`an answer of unknown length:\n${head}`));
    return Number(length);
  }
}
