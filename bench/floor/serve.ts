/**
 * A program of its own: `node serve.ts <data directory>`. Serves the floor's Worker as `npm start` serves Berth's, on
 * workerd's own socket, and once more behind Berth's front, so that one sees what the front costs. Beside them listens a
 * sink (sink.ts). Prints one line with the three ports, and ends when its standard input does.
 *
 * In a process of its own, since the front must not share a thread with the client that measures it.
 */
import { join } from 'node:path';
import { Front } from '../../standalone/front.ts';
import { serveBareWorker } from '../bare-worker.ts';
import { openSink } from './sink.ts';

const HOST = '127.0.0.1';
const MOST_CLIENTS = 1_000;

const [data] = process.argv.slice(2);
if (data === undefined) throw new Error('usage: node serve.ts <data directory>');

const served = await serveBareWorker({
  files: [join(import.meta.dirname, 'worker.ts')],
  state: data,
  port: 0,
  bindings: { r2Buckets: { BUCKET: 'floor' } },
});
const front = await Front.listen(HOST, 0, MOST_CLIENTS);
front.target = served.port;
console.log(JSON.stringify({ direct: served.port, front: front.port, sink: await openSink(HOST) }));

process.stdin.resume().once('end', () => {
  void served.stop().finally(() => process.exit());
});
