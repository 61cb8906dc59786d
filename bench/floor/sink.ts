/**
 * A server that does nothing with what it gets: it throws bodies away and answers with as many bytes as are asked for.
 * What the bench's client reaches against it is the most that the client can measure.
 */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';

const CHUNK_BYTES = 1024 * 1024;
const HEAD_END = '\r\n\r\n';

/** Listens on a free port and returns it. `PUT` takes a body with a Content-Length; `GET /<n>` answers n bytes. */
export async function openSink(host: string): Promise<number> {
  const server = createServer({ highWaterMark: CHUNK_BYTES, noDelay: true }, (socket) => {
    void serve(socket).catch(() => socket.destroy());
  });
  server.listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the sink has no port');
  return address.port;
}

/** One request a connection, as the bench's client makes them. */
async function serve(socket: Socket): Promise<void> {
  let head = '';
  let missing: number | undefined;
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    if (!Buffer.isBuffer(chunk)) return;
    if (missing === undefined) {
      head += chunk.toString('latin1');
      const end = head.indexOf(HEAD_END);
      if (end < 0) continue;
      const asked = /^GET \/(\d+) /.exec(head)?.[1];
      if (asked !== undefined) {
        await answer(socket, Number(asked));
        return;
      }
      const length = Number(/\r\ncontent-length: (\d+)\r\n/i.exec(head)?.[1] ?? 0);
      missing = length - (head.length - end - HEAD_END.length);
    } else missing -= chunk.byteLength;
    if (missing > 0) continue;
    socket.end('HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n');
    return;
  }
}

async function answer(socket: Socket, length: number): Promise<void> {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n\r\n`);
  for (let rest = length; rest > 0; rest -= CHUNK_BYTES)
    if (!socket.write(chunk.subarray(0, rest))) await once(socket, 'drain');
  socket.end();
}
