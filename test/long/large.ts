/**
 * Objects of more than 64 MiB, pushed in every form and pulled back as streams: many parts, several in flight, and a
 * client that knows nothing of their limits. The largest is 300 MB; a release run sets LARGEST_LAYER_BYTES=4294967296.
 * How much memory all serving processes took at most is printed for a 256 MiB layer and for the largest: it is bounded
 * by the design, not by the layer. Figures of one machine are no fact that a test could hold anybody to.
 */
import { createHash } from 'node:crypto';
import { request } from 'node:http';
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as v from 'valibot';
import { startBerth } from '../e2e/berth-process.ts';
import type { BerthProcess } from '../e2e/berth-process.ts';
import { keystreamCipher, Seeded } from '../e2e/crash/seeded.ts';
import { peakMemory } from '../e2e/process-memory.ts';
import type { Campaign } from './campaign.ts';

const MEBIBYTE = 1024 * 1024;
const SMALLEST_BYTES = 64 * MEBIBYTE;
const USUAL_BYTES = 256 * MEBIBYTE;
const LARGEST_BYTES = v.parse(
  v.pipe(v.optional(v.string(), '300000000'), v.transform(Number), v.integer(), v.minValue(USUAL_BYTES)),
  process.env['LARGEST_LAYER_BYTES'],
);
const PIECE_BYTES = MEBIBYTE;
const FORMS = ['patch', 'put', 'chunks'] as const;
type Form = (typeof FORMS)[number];

export const large: Campaign = {
  name: 'large',
  share: 3,
  async run({ seed, deadline, log }) {
    log(`largest layer: ${String(LARGEST_BYTES)} bytes`);
    for (const form of ['patch', 'put'] as const) {
      for (const size of [USUAL_BYTES, LARGEST_BYTES]) {
        if (Date.now() > deadline) return;
        const peak = await withBerth((berth) => roundTrip(berth, `${String(seed)}/${form}`, size, form));
        log(`${form}, ${String(size)} bytes: all serving processes took at most ${describe(peak)}`);
      }
    }
    await withBerth(async (berth) => {
      const random = new Seeded(seed);
      for (let round = 1; Date.now() < deadline; round += 1) {
        const size = random.logarithmic(SMALLEST_BYTES, Math.min(LARGEST_BYTES, USUAL_BYTES)) + 1;
        const form = random.pick(FORMS);
        const peak = await roundTrip(berth, `${String(seed)}/round ${String(round)}`, size, form);
        log(`round ${String(round)}: ${form}, ${String(size)} bytes; at most ${describe(peak)} so far`);
      }
    });
  },
};

async function withBerth<T>(use: (berth: BerthProcess) => Promise<T>): Promise<T> {
  const berth = await startBerth();
  try {
    return await use(berth);
  } finally {
    await berth.discard();
  }
}

/** The most memory that all processes that serve had taken after the push, and after the pull, in bytes. */
interface Peak {
  readonly pushed: number;
  readonly pulled: number;
}

/** Pushes and pulls one layer. */
async function roundTrip(berth: BerthProcess, name: string, size: number, form: Form): Promise<Peak> {
  const digest = await hashOf(layer(name, 0, size));
  const opened = await send(berth, 'POST', '/v2/large/blobs/uploads/', {});
  await expectStatus(opened, 202);
  const session = String(opened.headers.location);
  const closing = `${session}?digest=${digest}`;
  if (form === 'put') {
    await expectStatus(await send(berth, 'PUT', closing, { 'content-length': size }, layer(name, 0, size)), 201);
  } else {
    const chunk = form === 'patch' ? size : Math.ceil(size / new Seeded(name).integer(2, 9));
    for (let start = 0; start < size; start += chunk) {
      const end = Math.min(size, start + chunk);
      const headers =
        form === 'patch'
          ? {}
          : { 'content-range': `${String(start)}-${String(end - 1)}`, 'content-length': end - start };
      await expectStatus(await send(berth, 'PATCH', session, headers, layer(name, start, end)), 202);
    }
    await expectStatus(await send(berth, 'PUT', closing, {}), 201);
  }
  const pushed = await peakOf(berth);
  const pulled = await send(berth, 'GET', `/v2/large/blobs/${digest}`, {});
  if (pulled.statusCode !== 200) throw new Error(`the pull is answered ${String(pulled.statusCode)}`);
  const found = await hashOf(pulled);
  if (found !== digest) throw new Error(`${name}: pulled ${found} instead of ${digest}`);
  return { pushed, pulled: await peakOf(berth) };
}

/** The bytes of a layer from `start` to `end`, made anew each time. */
function layer(name: string, start: number, end: number): Readable {
  return Readable.from(pieces(name, start, end), { objectMode: false, highWaterMark: PIECE_BYTES });
}

function* pieces(name: string, start: number, end: number): Generator<Buffer> {
  const cipher = keystreamCipher(name);
  const zeros = Buffer.alloc(PIECE_BYTES);
  for (let offset = 0; offset < end; offset += PIECE_BYTES) {
    const piece = cipher.update(zeros);
    if (offset + PIECE_BYTES > start)
      yield piece.subarray(Math.max(0, start - offset), Math.min(PIECE_BYTES, end - offset));
  }
}

async function hashOf(stream: Readable): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(stream, hash);
  return `sha256:${hash.digest('hex')}`;
}

async function send(
  { url }: BerthProcess,
  method: string,
  path: string,
  headers: OutgoingHttpHeaders,
  body?: Readable,
): Promise<IncomingMessage> {
  const sent = request(new URL(path, url), { method, headers, agent: false });
  const answered = new Promise<IncomingMessage>((settle, fail) => {
    sent.once('response', settle);
    sent.once('error', fail);
  });
  if (body === undefined) sent.end();
  else await Promise.race([pipeline(body, sent), answered]);
  return answered;
}

async function expectStatus(answer: IncomingMessage, status: number): Promise<void> {
  const body = await answer.toArray();
  if (answer.statusCode !== status) throw new Error(`answered ${String(answer.statusCode)}: ${body.join('')}`);
}

async function peakOf(berth: BerthProcess): Promise<number> {
  return peakMemory((await berth.run.processes()).map(({ pid }) => pid));
}

function describe({ pushed, pulled }: Peak): string {
  return `${mebibytes(pushed)} for the push, ${mebibytes(pulled)} with the pull`;
}

function mebibytes(bytes: number): string {
  return `${(bytes / MEBIBYTE).toFixed(0)} MiB`;
}
