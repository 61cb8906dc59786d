/**
 * HEAD requests a second, over connections that are kept open: wrk waits for the body that the answer to HEAD announces and
 * does not have (RFC 9110 §9.3.2). As little work a request as Node allows: one write, one read, one comparison.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { MANIFEST_TYPE } from '../registry-client.ts';

const HOST = '127.0.0.1';
const HEAD_END = '\r\n\r\n';
const FOUND = 'HTTP/1.1 200 ';

/**
 * How many are answered in that time by all connections together. Rejected by an answer that is not 200.
 *
 * @param paths each connection asks for one of them
 */
export async function headsPerSecond(
  port: number,
  paths: readonly string[],
  { connections, seconds }: { readonly connections: number; readonly seconds: number },
  authorization?: string,
): Promise<number> {
  const fields = [`Host: ${HOST}:${port}`, `Accept: ${MANIFEST_TYPE}`];
  if (authorization !== undefined) fields.push(`Authorization: ${authorization}`);
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(port)));
  let answers = 0;
  const broken = new AbortController();
  const clients = sockets.map((socket, index) => {
    const path = paths[index % paths.length] ?? '/';
    return { socket, path, request: Buffer.from([`HEAD ${path} HTTP/1.1`, ...fields].join('\r\n') + HEAD_END) };
  });
  for (const { socket, path, request } of clients) {
    let head = '';
    socket.on('data', (bytes: string) => {
      head += bytes;
      if (!head.endsWith(HEAD_END)) return;
      if (!head.startsWith(FOUND)) broken.abort(new Error(`HEAD ${path} was answered with ${head}`));
      head = '';
      answers += 1;
      socket.write(request);
    });
    socket.once('error', (error) => {
      broken.abort(error);
    });
    socket.once('close', () => {
      broken.abort(new Error(`HEAD ${path}: the connection was closed`));
    });
  }
  const started = performance.now();
  for (const { socket, request } of clients) socket.write(request);
  try {
    await delay(seconds * 1_000, undefined, { signal: broken.signal }).catch(() => {
      broken.signal.throwIfAborted();
    });
    return (answers / (performance.now() - started)) * 1_000;
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

async function open(port: number): Promise<Socket> {
  const socket = connect({ host: HOST, port, noDelay: true });
  await once(socket, 'connect');
  return socket.setEncoding('latin1');
}
