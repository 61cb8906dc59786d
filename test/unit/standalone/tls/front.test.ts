/** The served port with a certificate (standalone/front.ts, tls/secure-side.ts), between clients and what stands where workerd does. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectPlain, createServer, Socket, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { BUFFER_BYTES, Front } from '../../../../standalone/front.ts';
import type { RefusedClient } from '../../../../standalone/tls/refused-clients.ts';
import { SecureSide } from '../../../../standalone/tls/secure-side.ts';
import { Authority, type Issued } from '../../../certificate-authority.ts';
import { Folder } from './pairs.ts';

const HOST = '127.0.0.1';
/** Far more than the system's buffers and the front's hold together. */
const LARGE_BYTES = 20_000_000;
/** They are encrypted and decrypted in this process, on a machine that may be busy. */
const LARGE_LIMIT_MS = 60_000;

const root = Authority.root();
const issue = (): Issued => root.issue({ name: HOST, hosts: [HOST] });
const ofClients = Authority.root('authority of clients');

interface Served {
  readonly front: Front;
  readonly side: SecureSide;
  readonly inner: Server;
  readonly folder: Folder;
}

/** @param clientCa who signs certificates of clients; nobody needs one without it */
async function serve({
  clientCa,
  mostClients = 100,
  handshakeLimitMs,
}: { clientCa?: string; mostClients?: number; handshakeLimitMs?: number } = {}): Promise<Served> {
  const folder = new Folder();
  const side = new SecureSide(folder.material(issue(), clientCa), BUFFER_BYTES, handshakeLimitMs);
  const front = await Front.listen(HOST, 0, mostClients, side);
  const inner = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, HOST);
  await once(inner, 'listening');
  const address = inner.address();
  if (typeof address !== 'object' || address === null) throw new Error('nobody listens');
  front.target = address.port;
  inner.on('connection', (socket: Socket) => {
    discardAfterwards(socket);
  });
  onTestFinished(() => {
    front.stopListening();
    inner.close();
  });
  return { front, side, inner, folder };
}

async function openClient({ front }: Served, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const wanted = { host: HOST, port: front.port, ca: root.certificate, allowHalfOpen: true, ...options };
  const client = connect(wanted);
  discardAfterwards(client);
  await once(client, 'secureConnect');
  return client;
}

/** A client that has asked for something, and its connection where workerd stands. */
async function openBoth(served: Served, options?: ConnectionOptions): Promise<{ client: TLSSocket; socket: Socket }> {
  const accepted = once(served.inner, 'connection');
  const client = await openClient(served, options);
  client.write('G');
  return { client, socket: await socketOf(accepted) };
}

async function socketOf(connection: Promise<unknown[]>): Promise<Socket> {
  const [socket] = await connection;
  if (!(socket instanceof Socket)) throw new Error('that is no connection');
  return socket;
}

function discardAfterwards(socket: Socket): void {
  // A test that ends connections roughly is interested in 'close' only.
  socket.on('error', () => undefined);
  onTestFinished(() => {
    socket.destroy();
  });
}

async function receive(socket: Socket): Promise<{ length: number; digest: string }> {
  const hash = createHash('sha256');
  let length = 0;
  for await (const piece of socket) {
    if (!(piece instanceof Buffer)) throw new Error('that is no bytes');
    hash.update(piece);
    length += piece.byteLength;
  }
  return { length, digest: hash.digest('hex') };
}

function sha256(...pieces: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
}

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'bytes pass both ways at once, unchanged, by %s',
  { timeout: LARGE_LIMIT_MS },
  async (version) => {
    const { client, socket } = await openBoth(await serve(), { minVersion: version, maxVersion: version });
    const [up, down] = [randomBytes(LARGE_BYTES), randomBytes(LARGE_BYTES)];
    client.end(up);
    socket.write(down);
    const below = receive(client);
    const above = await receive(socket);
    socket.end();
    expect(above).toEqual({ length: 1 + LARGE_BYTES, digest: sha256(Buffer.from('G'), up) });
    expect(await below).toEqual({ length: LARGE_BYTES, digest: sha256(down) });
  },
);

test('what nobody reads is not taken from who sends it', async () => {
  const { client, socket } = await openBoth(await serve());
  client.write(randomBytes(LARGE_BYTES));
  socket.write(randomBytes(LARGE_BYTES));
  client.pause();
  await once(socket, 'readable');
  await once(client, 'readable');
  expect([client.writableLength > 0, socket.writableLength > 0]).toEqual([true, true]);
});

test('a client that has said all it has to say still gets its answer', async () => {
  const { client, socket } = await openBoth(await serve());
  client.end('o');
  expect(await text(socket)).toBe('Go');
  socket.end('an answer');
  expect(await text(client)).toBe('an answer');
});

test(
  'a client that got an early answer may go on sending, also when workerd has hung up since',
  { timeout: LARGE_LIMIT_MS },
  async () => {
    const { client, socket } = await openBoth(await serve());
    const sent = new Promise((settle) => {
      client.end(randomBytes(LARGE_BYTES), () => {
        settle('all of it');
      });
    });
    await once(socket, 'readable');
    socket.end('too large');
    expect(await once(client, 'data')).toEqual([Buffer.from('too large')]);
    socket.resetAndDestroy();
    expect(await sent).toBe('all of it');
    await once(client.resume(), 'end');
  },
);

test('what is not TLS is told so in HTTP, and workerd never hears of it', async () => {
  const { front, inner } = await serve();
  inner.on('connection', () => {
    expect.fail('it was passed on');
  });
  const client = connectPlain({ host: HOST, port: front.port });
  client.write('GET /v2/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
  expect(await text(client)).toMatch(
    /^HTTP\/1\.1 400 Bad Request\r\n[^]*\r\n\r\nThis port speaks HTTPS, not HTTP\.\n$/,
  );
});

test('HTTP/1.1 is agreed on with whoever offers it, and nothing with whoever does not', async () => {
  const served = await serve();
  const both = await openClient(served, { ALPNProtocols: ['h2', 'http/1.1'] });
  expect(both.alpnProtocol).toBe('http/1.1');
  expect((await openClient(served)).alpnProtocol).toBe(false);
  await expect(openClient(served, { ALPNProtocols: ['h2'] })).rejects.toThrow('no application protocol');
});

test('older versions than 1.2 are refused', async () => {
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  await expect(openClient(await serve(), old)).rejects.toThrow(/protocol version/);
});

test('who comes to no agreement, or speaks no TLS, is told of', async () => {
  const served = await serve();
  const told: RefusedClient[] = [];
  served.side.onRefused = (client) => told.push(client);
  await expect(openClient(served, { ALPNProtocols: ['h2'] })).rejects.toThrow('no application protocol');
  const plain = connectPlain(served.front.port, HOST);
  plain.write('GET /v2/ HTTP/1.1\r\n\r\n');
  expect(await text(plain)).toContain('This port speaks HTTPS');
  expect(told).toEqual([
    { why: 'handshake', address: HOST, reason: 'ERR_SSL_NO_APPLICATION_PROTOCOL' },
    { why: 'plain', address: HOST, reason: 'NO_TLS' },
  ]);
});

test('a client cannot have the keys agreed on anew', async () => {
  const { client } = await openBoth(await serve(), { maxVersion: 'TLSv1.2' });
  const ended = once(client.resume(), 'end');
  client.renegotiate({}, () => undefined);
  await ended;
});

test('a renewal is for the next handshake: what is under way goes on', { timeout: LARGE_LIMIT_MS }, async () => {
  const served = await serve();
  const { client, socket } = await openBoth(served);
  const before = client.getPeerX509Certificate()?.serialNumber;
  served.side.use(served.folder.material(issue()));
  const next = await openClient(served, { session: client.getSession() });
  expect(next.getPeerX509Certificate()?.serialNumber).not.toBe(before);
  expect(next.isSessionReused()).toBe(false);
  const bytes = randomBytes(LARGE_BYTES);
  client.end(bytes);
  expect((await receive(socket)).digest).toBe(sha256(Buffer.from('G'), bytes));
});

test('a client is not left with half an answer when workerd is gone', async () => {
  const { client, socket } = await openBoth(await serve());
  socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf');
  await once(client, 'data');
  const ended = finished(client);
  socket.resetAndDestroy();
  await expect(ended).rejects.toThrow();
});

test('workerd is told when a client is gone', async () => {
  const { client, socket } = await openBoth(await serve());
  socket.resume();
  const told = once(socket, 'end');
  client.destroy();
  await told;
});

test('to stop closes handshakes and who asked for nothing, and lets finish what has begun', async () => {
  const served = await serve();
  const silent = await openClient(served);
  const half = connectPlain({ host: HOST, port: served.front.port });
  discardAfterwards(half);
  half.write(Buffer.from([0x16, 0x03, 0x01]));
  const { client, socket } = await openBoth(served);
  served.front.stopListening();
  await Promise.all([once(silent.resume(), 'end'), once(half.resume(), 'close')]);
  const finish = served.front.finished();
  socket.end('an answer');
  await finish;
  expect(await text(client)).toBe('an answer');
});

test('handshakes that get nowhere take no place from who does: the oldest goes', async () => {
  const served = await serve({ mostClients: 2 });
  const halves = await Promise.all(
    [1, 2].map(async () => {
      const half = connectPlain({ host: HOST, port: served.front.port });
      discardAfterwards(half);
      await once(half, 'connect');
      half.write(Buffer.from([0x16, 0x03, 0x01]));
      return half;
    }),
  );
  const gone = Promise.race(halves.map((half) => once(half.resume(), 'close')));
  const { socket } = await openBoth(served);
  await gone;
  expect(socket.destroyed).toBe(false);
});

test.each([
  ['nothing more', (half: Socket): unknown => half],
  ['that it ends', (half: Socket): unknown => half.end()],
])('a client that begins a handshake and says %s is let go after a while', async (_, goOn) => {
  const served = await serve({ handshakeLimitMs: 50 });
  const half = connectPlain({ host: HOST, port: served.front.port, allowHalfOpen: true });
  discardAfterwards(half);
  half.write(Buffer.from([0x16]));
  goOn(half);
  await once(half.resume(), 'end');
  await served.front.finished();
});

test('a client with a certificate of the authority is served', async () => {
  const served = await serve({ clientCa: ofClients.certificate });
  const { certificate: cert, key } = ofClients.issue({ name: 'a client', usages: ['client'] });
  const { socket } = await openBoth(served, { cert, key });
  expect(await once(socket.resume(), 'data')).toEqual([Buffer.from('G')]);
});

test('a client without one, or with a stranger’s, is told so, and workerd never hears of it', async () => {
  const served = await serve({ clientCa: ofClients.certificate });
  served.inner.on('connection', () => {
    expect.fail('it was passed on');
  });
  const told: string[] = [];
  served.side.onRefused = ({ certificate, reason }) => {
    told.push(`${certificate?.subject ?? 'none'} ${reason}`);
  };
  const stranger = Authority.root('authority of clients').issue({ name: 'a stranger' });
  const expired = ofClients.issue({ name: 'late', from: new Date(0), until: new Date(1_000) });
  const forServers = ofClients.issue({ name: 'a server', usages: ['server'] });
  for (const issued of [undefined, stranger, expired, forServers]) {
    const shown = issued === undefined ? {} : { cert: issued.certificate, key: issued.key };
    const client = await openClient(served, shown);
    client.write('GET /v2/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    const answer = await text(client);
    expect(answer).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({ errors: [{ code: 'DENIED' }] });
  }
  expect(told).toEqual([
    'none NO_CERTIFICATE',
    expect.stringMatching(/^CN=a stranger [A-Z_]+$/),
    'CN=late CERT_HAS_EXPIRED',
    'CN=a server INVALID_PURPOSE',
  ]);
});

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'a session without a certificate is not resumed into one with, by %s',
  async (version) => {
    const served = await serve({ clientCa: ofClients.certificate });
    const first = await openClient(served, { maxVersion: version });
    let session: Buffer | undefined = first.getSession();
    first.on('session', (ticket: Buffer) => {
      session = ticket;
    });
    first.write('GET / HTTP/1.1\r\n\r\n');
    expect(await text(first)).toContain('403 Forbidden');
    const second = await openClient(served, { session, maxVersion: version });
    second.write('GET / HTTP/1.1\r\n\r\n');
    expect(await text(second)).toContain('403 Forbidden');
    expect(second.isSessionReused()).toBe(false);
  },
);
