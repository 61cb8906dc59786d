/**
 * A program of its own: `node serve.ts <folder> <port> front|direct`. Serves the smallest Worker (worker.ts) on that port
 * until it is told to end, with the file service and, unless it is `direct`, with the front of `npm start`.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Files } from '../../standalone/files/files.ts';
import { BLOBS } from '../../standalone/files/layout.ts';
import { Front } from '../../standalone/front.ts';
import { serveBareWorker } from '../bare-worker.ts';

const HOST = '127.0.0.1';
const MOST_CLIENTS = 1_000;

const [root, given, entrance] = process.argv.slice(2);
if (root === undefined || given === undefined) throw new Error('usage: node serve.ts <folder> <port> front|direct');
const port = Number(given);
const isDirect = entrance === 'direct';

const files = await Files.start({
  root,
  sync: true,
  onLost: (reason) => {
    throw new Error(`the file service ended: ${reason}`);
  },
});
const front = isDirect ? undefined : await Front.listen(HOST, port, MOST_CLIENTS);
const served = await serveBareWorker({
  files: [new URL('./worker.ts', import.meta.url), new URL('./bodies.ts', import.meta.url)].map((url) =>
    fileURLToPath(url),
  ),
  state: join(root, 'state'),
  port: isDirect ? port : 0,
  bindings: {
    durableObjects: {
      REPOSITORY: { className: 'Repository', useSQLite: true },
      DIRECTORY: { className: 'Directory', useSQLite: true },
    },
    serviceBindings: {
      FILES: { external: { address: `unix:${files.socket}`, http: {} } },
      DISK: { disk: { path: join(root, BLOBS), writable: false } },
    },
  },
});
if (front !== undefined) front.target = served.port;
