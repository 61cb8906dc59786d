/**
 * The least that a Worker can do with these bytes: stream them into R2 and out again. It is what Berth is measured
 * against, so it shares nothing with Berth and knows no registry.
 *
 * `PUT /<way>/<key>` stores the body in one of three ways, since which is the fastest is the simulator's affair. With
 * `?sha256=<hex>` it also verifies the bytes while they pass, as a registry must: `put` and `fixed` leave that to R2,
 * `multipart` hashes. `GET /<key>` answers with a bare `R2.get`.
 */
import { createHash } from 'node:crypto';
import type * as workers from '@cloudflare/workers-types';

// The bench is checked with Node's types; what runs here are workerd's.
declare const FixedLengthStream: typeof workers.FixedLengthStream;
declare const Response: typeof workers.Response;

const PART_BYTES = 8 * 1024 * 1024;
const PARTS_IN_FLIGHT = 3;

interface Bindings {
  readonly BUCKET: workers.R2Bucket;
}

export default {
  async fetch(request: workers.Request, { BUCKET }: Bindings): Promise<workers.Response> {
    const { pathname, searchParams } = new URL(request.url);
    const [, first = '', key = ''] = pathname.split('/');
    const sha256 = searchParams.get('sha256') ?? undefined;
    const verification = sha256 === undefined ? {} : { sha256 };
    const { body, method } = request;
    if (method === 'GET') return get(BUCKET, first);
    if (method !== 'PUT' || body === null) return new Response(null, { status: 400 });
    switch (first) {
      case 'put':
        await BUCKET.put(key, body, verification);
        break;
      case 'fixed':
        await putFixed(BUCKET, key, body, Number(request.headers.get('content-length')), verification);
        break;
      case 'multipart':
        if (!(await putParts(BUCKET, key, body, sha256))) return new Response(null, { status: 400 });
        break;
      default:
        return new Response(null, { status: 404 });
    }
    return new Response(null, { status: 201 });
  },
};

async function get(bucket: workers.R2Bucket, key: string): Promise<workers.Response> {
  const object = await bucket.get(key);
  if (object === null) return new Response(null, { status: 404 });
  return new Response(object.body, { headers: { 'content-length': String(object.size) } });
}

async function putFixed(
  bucket: workers.R2Bucket,
  key: string,
  body: workers.ReadableStream,
  length: number,
  verification: workers.R2PutOptions,
): Promise<void> {
  const { readable, writable } = new FixedLengthStream(length);
  await Promise.all([body.pipeTo(writable), bucket.put(key, readable, verification)]);
}

/** False when the bytes have another digest than `sha256`. */
async function putParts(
  bucket: workers.R2Bucket,
  key: string,
  body: workers.ReadableStream,
  sha256: string | undefined,
): Promise<boolean> {
  const hash = sha256 === undefined ? undefined : createHash('sha256');
  const upload = await bucket.createMultipartUpload(key);
  const reader = body.getReader({ mode: 'byob' });
  const parts: Promise<workers.R2UploadedPart>[] = [];
  for (;;) {
    const { value, done } = await reader.readAtLeast(PART_BYTES, new Uint8Array(PART_BYTES));
    if (value !== undefined && value.byteLength > 0) {
      hash?.update(value);
      parts.push(upload.uploadPart(parts.length + 1, value));
    }
    if (done || value.byteLength < PART_BYTES) break;
    await parts[parts.length - PARTS_IN_FLIGHT];
  }
  const stored = await Promise.all(parts);
  if (hash?.digest('hex') !== sha256) return false;
  await upload.complete(stored);
  return true;
}
