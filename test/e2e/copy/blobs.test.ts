/** How blobs get from one registry into the other: mounted, in chunks, as a stream. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { describe, expect, onTestFinished, test } from 'vitest';
import { start } from '../berths.ts';
import { peakMemory } from '../process-memory.ts';
import { Content, expectAllServed, expectServed, pushAll, pushContent } from './content.ts';
import { startCopy, wellCopied } from './copying.ts';
import { HAS_DISTRIBUTION, startDistribution } from './distribution.ts';
import { answer, startFront, uploads } from './front.ts';

const MEBIBYTE = 1024 * 1024;

describe.skipIf(!HAS_DISTRIBUTION)('blobs', () => {
  test('what another repository of the target got is mounted, and what is mounted is not sent', async () => {
    const [old, other] = [await startDistribution(), await startDistribution()];
    const layer = randomBytes(50_000);
    const contents = Array.from({ length: 6 }, (_, number) => {
      const content = new Content(`shared/app-${number}`);
      return content.tag('v1', content.image([content.blob(layer)]));
    });
    await pushAll(old.url, contents);
    const front = await startFront(other.url);
    const { report, out } = await wellCopied(['--from', old.url, '--to', front.url]);
    expect(report.blobs).toEqual({ copied: 7, skipped: 0, mounted: 5, foreign: 0 });
    expect(out).toContain('Mounted from another repository of the target: 5 blobs (250 kB).');
    expect(uploads(front.passed)).toHaveLength(12);
    expect(front.passed.filter(({ method, status }) => method === 'PUT' && status === 201)).toHaveLength(7 + 12);
    await expectAllServed(other.url, contents);
  });

  test('where a mount becomes an upload instead, its session is the one that is used', async () => {
    const [old, berth] = [await startDistribution(), await start()];
    const layer = randomBytes(50_000);
    const contents = ['one', 'two'].map((name) => {
      const content = new Content(name);
      return content.tag('v1', content.image([content.blob(layer)]));
    });
    await pushAll(old.url, contents);
    const withoutMounts = await startFront(berth.url, ({ method, path, query }) =>
      method === 'POST' && query.has('mount') ? path : false,
    );
    const { report } = await wellCopied(['--from', old.url, '--to', withoutMounts.url, '--parallel', '1']);
    expect(report.blobs).toMatchObject({ copied: 4, mounted: 0 });
    const opened = withoutMounts.passed.filter(({ method }) => method === 'POST');
    expect(opened).toHaveLength(4);
    expect(opened.filter(({ query }) => query.has('mount'))).toHaveLength(1);
    await expectAllServed(berth.url, contents);
  });

  test('a chunk size cuts larger blobs into chunks, and no smaller ones', async () => {
    const [old, berth] = [await startDistribution(), await start()];
    const content = new Content('chunks/app');
    content.tag('v1', content.image([content.blob(randomBytes(4 * MEBIBYTE + 1)), content.blob(randomBytes(65_536))]));
    await pushContent(old.url, content);
    const front = await startFront(berth.url);
    await wellCopied(['--from', old.url, '--to', front.url, '--chunk-size', '2MiB']);
    const patches = front.passed.filter(({ method }) => method === 'PATCH').map(({ sentBytes }) => sentBytes);
    expect(patches).toEqual([2 * MEBIBYTE, 2 * MEBIBYTE, 1]);
    for (const { sentBytes } of front.passed) expect(sentBytes).toBeLessThanOrEqual(2 * MEBIBYTE);
    await expectServed(berth.url, content);
  });

  test('a layer larger than the memory that is used streams', async () => {
    const sizeBytes = 400 * MEBIBYTE;
    const piece = randomBytes(MEBIBYTE);
    const hash = createHash('sha256');
    for (let sent = 0; sent < sizeBytes; sent += piece.byteLength) hash.update(piece);
    const digest = `sha256:${hash.digest('hex')}`;
    const content = new Content('large/app');
    content.tag(
      'v1',
      content.image([{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size: sizeBytes }]),
    );
    // It keeps nothing: what is looked at is the copy in between.
    let received = 0;
    const sink = createServer((request, response) => {
      request.on('data', (bytes: Buffer) => {
        received += bytes.byteLength;
      });
      request.on('end', () => {
        if (request.method === 'HEAD') response.writeHead(404).end();
        else if (request.method === 'GET') response.end();
        else if (request.method === 'POST')
          response.writeHead(202, { location: '/v2/large/app/blobs/uploads/1' }).end();
        else {
          if (request.url?.includes('/manifests/v1') === true) peak = peakMemory([copying.pid]);
          response.writeHead(201).end();
        }
      });
    });
    sink.listen(0, '127.0.0.1');
    await once(sink, 'listening');
    onTestFinished(() => {
      sink.closeAllConnections();
      sink.close();
    });
    const address = sink.address();
    if (address === null || typeof address === 'string') throw new Error('the sink has no port');
    const source = await startFront('http://127.0.0.1:1', (asked) => {
      const { path, response } = asked;
      if (path === '/v2/') return answer(asked, 200, {});
      if (path.endsWith('/tags/list')) return answer(asked, 200, {}, '{"tags":["v1"]}');
      const manifest = content.manifests.get(content.tags.get('v1') ?? '');
      if (path.endsWith('/manifests/v1'))
        return answer(asked, 200, { 'content-type': manifest?.mediaType ?? '' }, manifest?.bytes);
      const blob = content.blobs.get(path.slice(path.lastIndexOf('/') + 1));
      if (blob !== undefined) return answer(asked, 200, {}, blob);
      if (!path.endsWith(digest)) return answer(asked, 404, {});
      response.writeHead(200, { 'content-length': sizeBytes });
      let sent = 0;
      const write = (): void => {
        while (sent < sizeBytes) {
          sent += piece.byteLength;
          if (!response.write(piece)) {
            response.once('drain', write);
            return;
          }
        }
        response.end();
      };
      write();
      return true;
    });
    let peak = 0;
    const to = `http://127.0.0.1:${address.port}`;
    const copying = startCopy(['--from', source.url, '--to', to, '--repository', 'large/app']);
    const { code, errors } = await copying.ended;
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    expect(received).toBeGreaterThan(sizeBytes);
    expect(peak).toBeGreaterThan(0);
    expect(peak).toBeLessThan(150 * MEBIBYTE);
  });
});
