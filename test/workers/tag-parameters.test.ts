/** A manifest that is pushed by digest with its tags as parameters (end-7b). */
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { demand, getManifest, imageOf, pushed, refusal, send, sha256, sha512, textBytes } from './client.ts';
import { LogLines } from './log-lines.ts';
import { newBlob, type Blob } from './world.ts';

const name = 'tag-parameters/main';
let blob: Blob;
beforeAll(async () => {
  blob = await pushed(name, await newBlob(100));
});
beforeEach(() => {
  new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
});

const push = (reference: string, body: string, query: string) =>
  send('PUT', `/v2/${name}/manifests/${reference}${query}`, { body: textBytes(body) });
const led = async (tag: string) => (await getManifest(name, tag)).headers.get('docker-content-digest');

describe('tags beside a digest', () => {
  it('all lead to the manifest, also under SHA-512, and the answer names them', async () => {
    const body = imageOf(blob, { annotations: { tags: 'many' } });
    for (const digest of [await sha256(body), await sha512(textBytes(body))]) {
      const tags = ['1.2.3', '1.2', '1', 'latest', ...Array.from({ length: 20 }, (_, index) => `t${String(index)}`)];
      const answer = demand(await push(digest, body, `?${tags.map((tag) => `tag=${tag}`).join('&')}`), 201);
      expect(answer.headers.get('oci-tag')?.split(', ')).toEqual(tags);
      expect(answer.headers.get('docker-content-digest')).toBe(digest);
      for (const tag of tags) expect(await led(tag)).toBe(digest);
    }
  });

  it('that are named twice are one', async () => {
    const body = imageOf(blob, { annotations: { tags: 'twice' } });
    const answer = demand(await push(await sha256(body), body, '?tag=twice&tag=twice'), 201);
    expect(answer.headers.get('oci-tag')).toBe('twice');
  });

  it('are all refused when one is none, or when the manifest is refused', async () => {
    const body = imageOf(blob, { annotations: { tags: 'bad' } });
    const digest = await sha256(body);
    for (const tag of ['.bad', '', 'a/b', 'x'.repeat(129), 'a%20b']) {
      expect(await refusal(push(digest, body, `?tag=good&tag=${tag}`))).toMatchObject({
        status: 400,
        code: 'TAG_INVALID',
      });
    }
    const other = await sha256('another');
    expect(await refusal(push(other, body, '?tag=good'))).toMatchObject({ status: 400, code: 'DIGEST_INVALID' });
    expect((await getManifest(name, 'good')).status).toBe(404);
  });

  it('do not go with a push by tag', async () => {
    const body = imageOf(blob);
    expect(await refusal(push('one', body, '?tag=two'))).toMatchObject({ status: 400, code: 'UNSUPPORTED' });
    expect((await getManifest(name, 'one')).status).toBe(404);
  });

  it('are fifty at most, and more are 414 and change nothing', async () => {
    const body = imageOf(blob, { annotations: { tags: 'fifty' } });
    const tags = (count: number) => Array.from({ length: count }, (_, index) => `tag=f${String(index)}`).join('&');
    const digest = await sha256(body);
    expect(await refusal(push(digest, body, `?${tags(51)}`))).toMatchObject({ status: 414, code: 'TAG_INVALID' });
    expect((await getManifest(name, 'f0')).status).toBe(404);
    expect((await push(digest, body, `?${tags(50)}`)).status).toBe(201);
  });

  it('beyond what an address may hold are 414', async () => {
    const body = imageOf(blob);
    const many = Array.from({ length: 700 }, (_, index) => `tag=t${String(index)}`).join('&');
    expect((await push(await sha256(body), body, `?${many}`)).status).toBe(414);
  });
});
