/** The thread that the file service runs in (service.ts): files.ts starts it, is told when it serves, and gives it orders. */
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import * as v from 'valibot';
import { FileStore } from './file-store.ts';
import { serveFiles } from './service.ts';

const Start = v.object({ root: v.string(), socket: v.string(), sync: v.boolean() });
const Order = v.object({ id: v.number(), kind: v.picklist(['hold', 'release']) });

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
  const reply = (): void => {
    port.postMessage({ id });
  };
  // What could not be deleted stays in `held/` until the next release or start, which is no reason to end a registry.
  done.then(reply, reply);
});
port.postMessage('serving');
