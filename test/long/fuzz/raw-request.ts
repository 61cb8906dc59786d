/** Bytes to a socket and whatever comes back: for requests that no HTTP client would send. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** A request that is not answered by then hangs. A body may rest for 60 seconds before the registry gives it up. */
const ANSWER_LIMIT_MS = 90_000;
/** workerd reads so much of a body that nobody wants, then breaks the connection, at times before the answer is read. */
const UNREAD_BYTES = 64 * 1024;
const END_OF_HEAD = Buffer.from('\r\n\r\n');
const END_OF_LINE = Buffer.from('\r\n');

export interface RawRequest {
  /** Request line and headers, up to and with the empty line. */
  readonly head: string;
  /** As it goes over the wire. */
  readonly body: Uint8Array;
  /** The connection is cut after so many bytes of all that. */
  readonly cutAfter: number | undefined;
  /** As HTTP wants it, whatever it asks for: it has a right to an answer. */
  readonly wellFormed: boolean;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/**
 * `cut`: the connection was closed first, as the request wanted it or deserved. `lost`: there was an answer, but it came
 * before the body had been read. Rejects when a request that deserves an answer gets none.
 */
export async function sendRaw(
  port: number,
  { head, body, cutAfter, wellFormed }: RawRequest,
): Promise<RawAnswer | 'cut' | 'lost'> {
  const socket = connect(port, '127.0.0.1');
  let trouble: unknown;
  socket.on('error', (error) => {
    trouble ??= error;
  });
  const pieces: Buffer[] = [];
  let answer: RawAnswer | undefined;
  socket.on('data', (piece: Buffer) => {
    pieces.push(piece);
    try {
      answer = parse(Buffer.concat(pieces), head.startsWith('HEAD '));
    } catch (error) {
      trouble = error;
      socket.destroy();
    }
    // workerd keeps the connection for some seconds, whatever the client says.
    if (answer !== undefined) socket.destroy();
  });
  const closed = new Promise((settle) => socket.once('close', settle));
  const bytes = Buffer.concat([Buffer.from(head, 'latin1'), body]);
  await write(socket, bytes.subarray(0, cutAfter ?? bytes.byteLength));
  if (cutAfter !== undefined) socket.destroy();
  const limit = AbortSignal.timeout(ANSWER_LIMIT_MS);
  limit.addEventListener('abort', () => socket.destroy());
  await closed;
  if (limit.aborted) throw new Error(`it hangs: no answer, but: ${Buffer.concat(pieces).toString('latin1')}`);
  if (answer !== undefined) return answer;
  if (cutAfter !== undefined || !wellFormed) return 'cut';
  if (body.byteLength > UNREAD_BYTES) return 'lost';
  throw new Error('closed without an answer', { cause: trouble });
}

/** A body in one chunk of the transfer coding. */
export function chunkedBody(body: Uint8Array): Buffer {
  const size = Buffer.from(`${body.byteLength.toString(16)}\r\n`);
  const first = body.byteLength === 0 ? [] : [size, body, END_OF_LINE];
  return Buffer.concat([...first, Buffer.from('0\r\n\r\n')]);
}

async function write(socket: Socket, bytes: Uint8Array): Promise<void> {
  await new Promise<void>((settle) => {
    socket.once('close', () => {
      settle();
    });
    socket.write(bytes, () => {
      settle();
    });
  });
}

/** `undefined` as long as it is not complete. There may be a `100 Continue` before it. */
function parse(bytes: Buffer, isHead: boolean): RawAnswer | undefined {
  const end = bytes.indexOf(END_OF_HEAD);
  if (end < 0) return undefined;
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
  if (Number.isNaN(status)) throw new Error(`no answer of HTTP: ${statusLine}`);
  const rest = bytes.subarray(end + END_OF_HEAD.length);
  if (status < 200) return parse(rest, isHead);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  const body = isHead ? Buffer.alloc(0) : bodyOf(status, headers, rest);
  return body === undefined ? undefined : { status, headers, body };
}

function bodyOf(status: number, headers: ReadonlyMap<string, string>, rest: Buffer): Buffer | undefined {
  if (status === 204 || status === 304) return Buffer.alloc(0);
  if (headers.get('transfer-encoding') === 'chunked') return unchunked(rest);
  const length = Number(headers.get('content-length') ?? Infinity);
  return rest.byteLength >= length ? rest.subarray(0, length) : undefined;
}

function unchunked(rest: Buffer): Buffer | undefined {
  const pieces: Buffer[] = [];
  for (let at = 0; ;) {
    const end = rest.indexOf(END_OF_LINE, at);
    if (end < 0) return undefined;
    const size = Number.parseInt(rest.toString('latin1', at, end), 16);
    if (Number.isNaN(size)) throw new Error('a chunk of the answer has no size');
    const start = end + END_OF_LINE.length;
    at = start + size + END_OF_LINE.length;
    if (rest.byteLength < at) return undefined;
    if (size === 0) return Buffer.concat(pieces);
    pieces.push(rest.subarray(start, start + size));
  }
}
