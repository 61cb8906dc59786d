/** The served port (standalone/front.ts) between clients and a server that stands where workerd does. */
import { createHash, randomBytes } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { connect, createServer, Socket, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Front } from '../../../standalone/front.ts';

const HOST = '127.0.0.1';
/** Far more than the system's buffers and the front's hold together. */
const LARGE_BYTES = 50_000_000;
const PIECE_BYTES = 500_000;
/** Everything happens in this process and on loopback: what has not moved for so many turns waits for its reader. */
const STILL_TURNS = 500;

/** How a TLS 1.3 hello begins: a handshake record, written as if by TLS 1.0 (RFC 8446 §5.1), far from whole. */
const TLS_HELLO = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]);

async function openFront(mostClients = 1_000): Promise<Front> {
  const front = await Front.listen(HOST, 0, mostClients);
  onTestFinished(() => {
    front.stopListening();
  });
  return front;
}

/** Stands where workerd does. Its connections are read by nobody until a test reads them. */
async function openInner(front?: Front): Promise<{ inner: Server; port: number }> {
  const inner = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, HOST);
  await once(inner, 'listening');
  inner.on('connection', (socket: Socket) => {
    discardAfterwards(socket);
  });
  onTestFinished(() => {
    inner.close();
  });
  const address = inner.address();
  if (typeof address !== 'object' || address === null) throw new Error('nobody listens');
  if (front !== undefined) front.target = address.port;
  return { inner, port: address.port };
}

async function openClient(front: Front): Promise<Socket> {
  const client = connect({ host: HOST, port: front.port, allowHalfOpen: true });
  discardAfterwards(client);
  await once(client, 'connect');
  return client;
}

/** A client that has asked for something, and its connection where workerd stands. */
async function openBoth(front: Front, inner: Server): Promise<{ client: Socket; socket: Socket }> {
  const accepted = once(inner, 'connection');
  const client = await openClient(front);
  client.write('G');
  return { client, socket: await socketOf(accepted) };
}

/** The next connection that somebody in this process tries to make: here, the front. */
function nextAttempt(): Promise<Socket> {
  return new Promise((settle) => {
    const watch = (message: unknown): void => {
      if (typeof message !== 'object' || message === null || !('socket' in message)) return;
      if (!(message.socket instanceof Socket)) return;
      unsubscribe('net.client.socket', watch);
      settle(message.socket);
    };
    subscribe('net.client.socket', watch);
  });
}

function discardAfterwards(socket: Socket): void {
  // A test that ends connections roughly is interested in 'close' only.
  socket.on('error', () => undefined);
  onTestFinished(() => {
    socket.destroy();
  });
}

async function socketOf(connection: Promise<unknown[]>): Promise<Socket> {
  const [socket] = await connection;
  if (!(socket instanceof Socket)) throw new Error('that is no connection');
  return socket;
}

function sha256(...pieces: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
}

/** Sends all of it and then ends. `taken` counts the pieces that the system has taken from the sender. */
function send(socket: Socket, bytes: Buffer): { taken: number } {
  const sent = { taken: 0 };
  for (let offset = 0; offset < bytes.byteLength; offset += PIECE_BYTES)
    socket.write(bytes.subarray(offset, offset + PIECE_BYTES), () => {
      sent.taken += 1;
    });
  socket.end();
  return sent;
}

async function still(sent: { readonly taken: number }): Promise<void> {
  let before = -1;
  for (let turns = 0; turns < STILL_TURNS; turns += 1) {
    await nextTurn();
    if (sent.taken !== before) turns = 0;
    before = sent.taken;
  }
}

async function receive(socket: Socket): Promise<{ length: number; digest: string }> {
  const hash = createHash('sha256');
  let length = 0;
  socket.on('data', (piece: Buffer) => {
    hash.update(piece);
    length += piece.byteLength;
  });
  socket.resume();
  await once(socket, 'end');
  return { length, digest: hash.digest('hex') };
}

test('a TLS hello is answered at once, in HTTP, and workerd never hears of it', async () => {
  const front = await openFront();
  const { inner } = await openInner(front);
  inner.on('connection', () => {
    expect.fail('the hello was passed on');
  });
  const client = await openClient(front);
  client.write(TLS_HELLO);
  expect(await text(client)).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n[^]*This port speaks HTTP, not HTTPS\.\n$/);
  client.end();
  await once(client, 'close');
});

test('what a client sends arrives unchanged, and is not taken from it before workerd reads', async () => {
  const front = await openFront();
  const { inner } = await openInner(front);
  const { client, socket } = await openBoth(front, inner);
  const bytes = randomBytes(LARGE_BYTES);
  const sent = send(client, bytes);
  await still(sent);
  expect(sent.taken).toBeLessThan(LARGE_BYTES / PIECE_BYTES);
  expect(await receive(socket)).toEqual({ length: 1 + LARGE_BYTES, digest: sha256(Buffer.from('G'), bytes) });
});

test('what workerd answers arrives unchanged, and is not taken from it before the client reads', async () => {
  const front = await openFront();
  const { inner } = await openInner(front);
  const { client, socket } = await openBoth(front, inner);
  client.pause();
  const bytes = randomBytes(LARGE_BYTES);
  const sent = send(socket, bytes);
  await still(sent);
  expect(sent.taken).toBeLessThan(LARGE_BYTES / PIECE_BYTES);
  expect(await receive(client)).toEqual({ length: LARGE_BYTES, digest: sha256(bytes) });
});

test.each(['in the end', 'soon while Berth stops'])('who takes nothing of an answer is cut off %s', async (when) => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const front = await openFront();
  const { inner } = await openInner(front);
  const { client, socket } = await openBoth(front, inner);
  client.pause();
  await still(send(socket, randomBytes(LARGE_BYTES)));
  const closed = new Promise((settle) => socket.once('close', settle));
  const failed = new Promise((settle) => client.once('error', settle));
  if (when !== 'in the end') front.stopListening();
  vi.advanceTimersByTime(when === 'in the end' ? 120_000 : 15_000);
  await closed;
  client.resume();
  expect(await failed).toMatchObject({ code: 'ECONNRESET' });
});

test('both ways are open at the same time', async () => {
  const front = await openFront();
  const { inner } = await openInner(front);
  const { client, socket } = await openBoth(front, inner);
  const [up, down] = [randomBytes(LARGE_BYTES), randomBytes(LARGE_BYTES)];
  send(client, up);
  send(socket, down);
  const [above, below] = await Promise.all([receive(socket), receive(client)]);
  expect(above.digest).toBe(sha256(Buffer.from('G'), up));
  expect(below.digest).toBe(sha256(down));
});

test('a client that has said all it has to say still gets its answer', async () => {
  const front = await openFront();
  const { inner } = await openInner(front);
  const accepted = once(inner, 'connection');
  const client = await openClient(front);
  client.end('a question');
  const socket = await socketOf(accepted);
  expect(await text(socket)).toBe('a question');
  socket.end('an answer');
  expect(await text(client)).toBe('an answer');
});

test('a client that got an early answer may go on sending, also when workerd has hung up since', async () => {
  const front = await openFront();
  const { inner } = await openInner(front);
  const { client, socket } = await openBoth(front, inner);
  socket.end('too large');
  expect(await text(client)).toBe('too large');
  client.write('more');
  await once(socket.resume(), 'data');
  socket.resetAndDestroy();
  await once(socket, 'close');
  send(client, randomBytes(LARGE_BYTES));
  await once(client, 'finish');
});

test('a client waits for a workerd that is only coming', async () => {
  const front = await openFront();
  const client = await openClient(front);
  const attempt = nextAttempt();
  client.write('a question');
  await expect(finished(await attempt)).rejects.toThrow();
  const { inner } = await openInner(front);
  const socket = await socketOf(once(inner, 'connection'));
  expect(await once(socket.resume(), 'data')).toEqual([Buffer.from('a question')]);
  socket.end('an answer');
  expect(await text(client)).toBe('an answer');
});

test('a client that hangs up while workerd is being connected leaves no connection there', async () => {
  const front = await openFront();
  const { inner } = await openInner(front);
  const accepted = once(inner, 'connection');
  const client = await openClient(front);
  const attempt = nextAttempt();
  client.write('a question');
  await attempt;
  client.resetAndDestroy();
  const socket = await socketOf(accepted);
  await once(socket.resume(), 'end');
  await front.finished();
});

test('to stop closes who asked for nothing and lets finish what has begun', async () => {
  const front = await openFront();
  const { inner } = await openInner(front);
  const silent = await openClient(front);
  const { client, socket } = await openBoth(front, inner);
  front.stopListening();
  await once(silent.resume(), 'end');
  let over = false;
  const finish = front.finished().then(() => {
    over = true;
  });
  socket.write('the beginning ');
  await once(client, 'readable');
  expect(over).toBe(false);
  socket.end('and the end');
  // It does not take the client to hang up as well.
  await finish;
  expect(await text(client)).toBe('the beginning and the end');
});

test.each([
  { before: [], query: '' },
  { before: ['GET /admin/events HTTP/1.1\r\n\r\n'], query: '?event=tag.removed' },
])('to stop ends an answer that has no end, whatever was asked for on its connection before: %j', async (asked) => {
  const front = await openFront();
  const { inner } = await openInner(front);
  const accepted = once(inner, 'connection');
  const client = await openClient(front);
  let told: Promise<unknown> | undefined;
  for (const request of [...asked.before, `GET /admin/events/stream${asked.query} HTTP/1.1\r\n\r\n`]) {
    client.write(request);
    const socket = await socketOf(accepted);
    await once(socket.resume(), 'data');
    socket.write('an answer');
    await once(client, 'data');
    told ??= finished(socket);
  }
  front.stopListening();
  await once(client, 'end');
  await front.finished();
  // It would go on answering who only sends no more.
  await expect(told).rejects.toThrow('ECONNRESET');
});

test('an answer that has no end is not begun once it has stopped', async () => {
  const front = await openFront();
  const { inner } = await openInner(front);
  const { client } = await openBoth(front, inner);
  front.stopListening();
  client.write('GET /admin/events/stream HTTP/1.1\r\n\r\n');
  await once(client.resume(), 'end');
  await front.finished();
});

test('nobody can connect any more once it has stopped', async () => {
  const front = await openFront();
  const { port } = front;
  front.stopListening();
  const late = connect({ host: HOST, port });
  await expect(once(late, 'connect')).rejects.toThrow('ECONNREFUSED');
});

test('workerd is told when a client is gone', async () => {
  const front = await openFront();
  const { inner } = await openInner(front);
  const { client, socket } = await openBoth(front, inner);
  socket.resume();
  const told = once(socket, 'end');
  client.resetAndDestroy();
  await told;
});

test('a client is not left with half an answer when workerd is gone', async () => {
  const front = await openFront();
  const { inner } = await openInner(front);
  const { client, socket } = await openBoth(front, inner);
  socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf');
  await once(client, 'data');
  socket.resetAndDestroy();
  await expect(finished(client)).rejects.toThrow('ECONNRESET');
});

test('a client that only looks whether somebody listens is let go', async () => {
  const front = await openFront();
  const client = await openClient(front);
  const ended = once(client.resume(), 'end');
  client.end();
  await ended;
});

test('a taken port is told', async () => {
  const front = await openFront();
  await expect(Front.listen(HOST, front.port, 1)).rejects.toThrow('EADDRINUSE');
});

test('more clients than there may be are told to come again, and the next ones get in', async () => {
  const front = await openFront(2);
  const { inner } = await openInner(front);
  const served = [await openBoth(front, inner), await openBoth(front, inner)];
  const third = await openClient(front);
  third.write('GET / HTTP/1.1\r\n\r\n');
  const answer = await text(third);
  expect(answer).toMatch(/^HTTP\/1\.1 503 .*\r\nConnection: close\r\nRetry-After: 5\r\n/);
  expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({ errors: [{ code: 'UNAVAILABLE' }] });
  for (const { client, socket } of [...served, { client: third, socket: undefined }]) {
    const closed = once(client, 'close');
    client.destroy();
    socket?.destroy();
    await closed;
  }
  await front.finished();
  const { socket } = await openBoth(front, inner);
  expect(socket.destroyed).toBe(false);
});

test('who says nothing takes no place from who does: the one that was silent for longest goes', async () => {
  const front = await openFront(2);
  const { inner } = await openInner(front);
  const [longest, later] = [await openClient(front), await openClient(front)];
  const hungUp = once(longest.resume(), 'end');
  let isLaterHungUp = false;
  later.resume().once('end', () => {
    isLaterHungUp = true;
  });
  const { socket } = await openBoth(front, inner);
  await hungUp;
  expect([isLaterHungUp, socket.destroyed]).toEqual([false, false]);
});

test('who was turned away is cut off, however many bytes still come', async () => {
  const front = await openFront();
  const client = await openClient(front);
  // It is told by an error that nobody hears it any more.
  const closed = new Promise((settle) => client.once('close', settle));
  client.write(TLS_HELLO);
  const trickle = setInterval(() => client.write('x'), 100);
  onTestFinished(() => {
    clearInterval(trickle);
  });
  client.resume();
  await closed;
}, 30_000);
