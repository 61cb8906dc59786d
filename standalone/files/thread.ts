/** The thread that the file service runs in (service.ts). Started by files.ts with Start; says Started when it serves. */
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import * as v from 'valibot';
import { FileStore } from './file-store.ts';
import { serveFiles } from './service.ts';

export const Start = v.object({ root: v.string(), socket: v.string(), sync: v.boolean() });
export const Order = v.object({ id: v.number(), kind: v.picklist(['hold', 'release']) });

const port = parentPort;
if (port === null) throw new Error('thread.ts is started by files.ts');
const { root, socket, sync } = v.parse(Start, workerData);

const store = await FileStore.open(root, { sync });
const server = serveFiles(store);
server.listen(socket);
await once(server, 'listening');

port.on('message', (message: unknown) => {
  const { id, kind } = v.parse(Order, message);
  const done = kind === 'hold' ? store.hold() : store.release();
  void done.then(() => {
    port.postMessage({ id });
  });
});
port.postMessage('serving');
