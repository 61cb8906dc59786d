/**
 * A program of its own: `node serve.ts <data directory>`. Serves the floor's Worker as `npm start` serves Berth's, on
 * workerd's own socket, and once more behind Berth's front, so that one sees what the front costs. Beside them listens a
 * sink (sink.ts). Prints one line with the three ports, and ends when its standard input does.
 *
 * In a process of its own, since the front must not share a thread with the client that measures it.
 */
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { Log, LogLevel, Miniflare } from 'miniflare';
import { Front } from '../../standalone/front.ts';
import { openSink } from './sink.ts';

const HOST = '127.0.0.1';

const [data] = process.argv.slice(2);
if (data === undefined) throw new Error('usage: node serve.ts <data directory>');

const miniflare = new Miniflare({
  // Otherwise Miniflare asks the internet what `request.cf` looks like.
  cf: false,
  log: new Log(LogLevel.WARN),
  defaultPersistRoot: data,
  workers: [
    {
      name: 'floor',
      compatibilityDate: '2026-07-15',
      compatibilityFlags: ['nodejs_compat'],
      modules: [
        {
          type: 'ESModule',
          path: 'worker.js',
          contents: stripTypeScriptTypes(readFileSync(join(import.meta.dirname, 'worker.ts'), 'utf8')),
        },
      ],
      r2Buckets: { BUCKET: 'floor' },
      unsafeDirectSockets: [{ host: HOST, port: 0 }],
    },
  ],
});
await miniflare.ready;
const direct = Number((await miniflare.unsafeGetDirectURL()).port);
const front = await Front.listen(HOST, 0);
front.target = direct;
console.log(JSON.stringify({ direct, front: front.port, sink: await openSink(HOST) }));

process.stdin.resume().once('end', () => {
  void miniflare.dispose().finally(() => process.exit());
});
