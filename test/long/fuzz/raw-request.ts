/** Bytes to a socket and whatever comes back: for requests that no HTTP client would send. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** A body may rest for 60 seconds before the registry gives it up. */
const ANSWER_LIMIT_MS = 75_000;
/** workerd reads so much of a body that nobody wants, then breaks the connection, at times before the answer is read. */
const UNREAD_BYTES = 64 * 1024;
const END_OF_HEAD = '\r\n\r\n';

export interface RawRequest {
  /** Request line and headers, up to and with the empty line. */
  readonly head: string;
  readonly body: Uint8Array;
  /** The connection is cut after so many bytes of all that. */
  readonly cutAfter: number | undefined;
  /** As HTTP wants it, whatever it asks for: it has a right to an answer. */
  readonly wellFormed: boolean;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
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
  let trouble: Error | undefined;
  socket.on('error', (error) => {
    trouble = error;
  });
  let received = Buffer.alloc(0);
  let answer: RawAnswer | undefined;
  socket.on('data', (piece: Buffer) => {
    received = Buffer.concat([received, piece]);
    answer = parse(received.toString('latin1'), head.startsWith('HEAD '));
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
  if (limit.aborted) throw new Error(`no answer, but: ${received.toString('latin1')}`);
  if (answer !== undefined) return answer;
  if (cutAfter !== undefined || !wellFormed) return 'cut';
  if (body.byteLength > UNREAD_BYTES) return 'lost';
  throw new Error('closed without an answer', { cause: trouble });
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
function parse(text: string, isHead: boolean): RawAnswer | undefined {
  const end = text.indexOf(END_OF_HEAD);
  if (end < 0) return undefined;
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
  if (Number.isNaN(status)) throw new Error(`no answer of HTTP: ${statusLine}`);
  const body = text.slice(end + END_OF_HEAD.length);
  if (status < 200) return parse(body, isHead);
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  return isHead || isWhole(status, headers, body) ? { status, headers, body } : undefined;
}

function isWhole(status: number, headers: ReadonlyMap<string, string>, body: string): boolean {
  if (status === 204 || status === 304) return true;
  if (headers.get('transfer-encoding') === 'chunked') return body.endsWith('0\r\n\r\n');
  return body.length >= Number(headers.get('content-length') ?? Infinity);
}
