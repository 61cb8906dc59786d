/** Answers as they leave `npm start`, on both stores: nothing on the way changes, compresses or withholds a byte or a header. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBerth, type BerthProcess } from './berth-process.ts';

const MIB = 1024 * 1024;
const NOWHERE = `sha256:${'0'.repeat(64)}`;
const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
/** More ranges than a connection's buffers hold, so that a client that hangs up leaves some unread. */
const RANGE_BYTES = 3 * MIB;

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Sent as it stands: no client adds an encoding or takes one away. */
function ask(url: string, method = 'GET', headers: Record<string, string> = {}): Promise<IncomingMessage> {
  return new Promise((fulfil, reject) => {
    request(url, { method, headers, agent: false }, fulfil).on('error', reject).end();
  });
}

describe.each(['filesystem', 'r2'] as const)('%s', (storage) => {
  /** What a compressor would make a tenth of, and what it could not. */
  const text = Buffer.from('the same line again and again\n'.repeat(4_000));
  const random = randomBytes(8 * RANGE_BYTES);
  const config = Buffer.from('{}');
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(config), size: 2 },
      layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: digestOf(text), size: text.length }],
      annotations: { padding: 'x'.repeat(10_000) },
    }),
  );
  let berth: BerthProcess;
  const at = (path: string) => `${berth.url}${path}`;
  const blobAt = (bytes: Uint8Array) => at(`/v2/answers/blobs/${digestOf(bytes)}`);

  beforeAll(async () => {
    berth = await startBerth({ storage });
    for (const body of [text, random, config]) {
      const path = `/v2/answers/blobs/uploads/?digest=${digestOf(body)}`;
      expect((await fetch(at(path), { method: 'POST', body })).status).toBe(201);
    }
    const headers = { 'content-type': OCI_MANIFEST };
    expect((await fetch(at('/v2/answers/manifests/latest'), { method: 'PUT', body: manifest, headers })).status).toBe(
      201,
    );
  });
  afterAll(async () => {
    await berth.discard();
  });

  it('sends the very bytes, whatever encodings a client would take', async () => {
    for (const encoding of ['gzip, deflate, br, zstd', 'gzip;q=1.0, identity;q=0', '*', 'identity', '']) {
      const headers = { 'accept-encoding': encoding };
      for (const [url, bytes] of [
        [blobAt(text), text],
        [at('/v2/answers/manifests/latest'), manifest],
        [at(`/v2/answers/manifests/${digestOf(manifest)}`), manifest],
      ] as const) {
        const answer = await ask(url, 'GET', headers);
        expect(answer.statusCode).toBe(200);
        expect(answer.headers['content-encoding']).toBeUndefined();
        expect(answer.headers['content-length']).toBe(String(bytes.length));
        expect((await buffer(answer)).equals(bytes), `${url} with ${encoding}`).toBe(true);
      }
      const part = await ask(blobAt(text), 'GET', { ...headers, range: 'bytes=100-199' });
      expect([part.statusCode, part.headers['content-encoding']]).toEqual([206, undefined]);
      expect((await buffer(part)).equals(text.subarray(100, 200))).toBe(true);
    }
  });

  it('sends HEAD each header that it sends GET, lengths too', async () => {
    const opened = await fetch(at('/v2/answers/blobs/uploads/'), { method: 'POST' });
    const told = ({ statusCode, headers }: IncomingMessage) => {
      const { 'x-request-id': _, date: __, ...others } = headers;
      return [statusCode, others];
    };
    for (const path of [
      ...['/', '/healthz', '/v2', '/v2/', '/v2/_catalog', '/v2/answers/tags/list', '/v2/answers/tags/list?n=0'],
      ...['/v2/answers/manifests/latest', `/v2/answers/manifests/${digestOf(manifest)}`, '/v2/answers/manifests/none'],
      ...[`/v2/answers/referrers/${NOWHERE}`, '/v2/answers/referrers/none', opened.headers.get('location') ?? ''],
      ...[`/v2/answers/blobs/${digestOf(text)}`, `/v2/answers/blobs/${NOWHERE}`, '/v2/answers/blobs/none'],
      ...['/nothing', '/v2/nothing', '/v2/answers/blobs/uploads/'],
    ]) {
      const [get, head] = [await ask(at(path)), await ask(at(path), 'HEAD')];
      expect(told(head), path).toEqual(told(get));
      expect(await buffer(head)).toHaveLength(0);
      const length = get.headers['content-length'];
      if (length !== undefined) expect(String((await buffer(get)).length), path).toBe(length);
    }
  });

  it('sends several ranges of a blob, each whole, with the length of all of it', async () => {
    const ranges = [0, 2, 4, 6].map((at): [number, number] => [at * RANGE_BYTES, (at + 1) * RANGE_BYTES - 1]);
    const range = `bytes=${ranges.map((pair) => pair.join('-')).join(',')}`;
    const answer = await ask(blobAt(random), 'GET', { range });
    const [, boundary = ''] = /boundary=(\w+)$/.exec(answer.headers['content-type'] ?? '') ?? [];
    const written = ranges.flatMap(([first, last], index) => [
      Buffer.from(
        `${index === 0 ? '' : '\r\n'}--${boundary}\r\nContent-Range: bytes ${String(first)}-${String(last)}/` +
          `${String(random.length)}\r\nContent-Type: application/octet-stream\r\n\r\n`,
      ),
      random.subarray(first, last + 1),
    ]);
    const whole = Buffer.concat([...written, Buffer.from(`\r\n--${boundary}--\r\n`)]);
    expect([answer.statusCode, answer.headers['content-length']]).toEqual([206, String(whole.length)]);
    expect(answer.headers['transfer-encoding']).toBeUndefined();
    expect((await buffer(answer)).equals(whole)).toBe(true);
  });

  it('goes on serving others when clients hang up in the middle of many ranges', async () => {
    const range = `bytes=${Array.from({ length: 8 }, (_, index) => `${String(index * RANGE_BYTES)}-${String((index + 1) * RANGE_BYTES - 2)}`).join(',')}`;
    for (let round = 0; round < 10; round += 1) {
      const answer = await ask(blobAt(random), 'GET', { range });
      expect(answer.statusCode).toBe(206);
      await once(answer, 'readable');
      answer.destroy();
    }
    const answer = await ask(blobAt(random));
    expect((await buffer(answer)).equals(random)).toBe(true);
    expect(berth.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });
});
