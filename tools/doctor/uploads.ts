/** What stands in front of a registry does to large and to slow uploads. Every one of them is cancelled. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Body } from '../registry/exchange.ts';
import { judgeBodyLimit, TRIED_BYTES, type Tried } from './body-limit.ts';
import { cancelSession, openSession } from './push.ts';
import { failed, ok, skipped, type Verdict } from './verdict.ts';
import type { Visit } from './visit.ts';

const PIECE = Buffer.alloc(64 * 1024, 0x5a);
const BLOB_TYPE = 'application/octet-stream';
const ACCEPTED = 202;
const NO_CONTENT = 204;
/** For all of the tries, over 200 MB: six seconds at a gigabit. */
const MOST_MS = 300_000;

export async function checkBodyLimit(visit: Visit): Promise<Verdict> {
  if (visit.settings.quick) return skipped('--quick');
  if (visit.image === undefined) return skipped('nothing can be pushed');
  const limit = AbortSignal.timeout(MOST_MS);
  const tried: Tried[] = [];
  for (const bytes of TRIED_BYTES) {
    const one = await tryUpload(visit, bytes, limit);
    if (limit.aborted)
      return skipped(`sending takes too long from here: more than ${String(MOST_MS / 60_000)} minutes`);
    tried.push(one);
    if (one.kind !== 'passed') break;
  }
  return judgeBodyLimit(tried);
}

async function tryUpload(visit: Visit, bytes: number, limit: AbortSignal): Promise<Tried> {
  const session = await openSession(visit);
  if (!session.ok) return { bytes, kind: 'broken', reason: session.failure.reason };
  const called = await visit.client.once({
    method: 'PATCH',
    path: session.value,
    scopes: visit.scopes,
    headers: { 'content-type': BLOB_TYPE },
    body: { length: bytes, pieces: piecesOf(bytes) },
    signal: AbortSignal.any([visit.signal, limit]),
  });
  await cancelSession(visit, session.value);
  if (!called.ok) return { bytes, kind: 'broken', reason: called.failure.reason };
  const { status } = called.value;
  const server = called.value.header('server');
  called.value.discard();
  if (status === ACCEPTED || status === NO_CONTENT) return { bytes, kind: 'passed' };
  return { bytes, kind: 'answered', status, server };
}

function* piecesOf(bytes: number): Generator<Uint8Array> {
  for (let left = bytes; left > 0; left -= PIECE.length) yield left < PIECE.length ? PIECE.subarray(0, left) : PIECE;
}

/** Below what nginx lets through by itself; more of it unread than Go's servers would wait for (net/http, 256 KiB). */
const HELD_BYTES = 900_000;
const SENT_BYTES = 16 * 1024;
/** Berth throws away what comes for a refused upload for five seconds, and answers then. */
const HELD_MS = 12_000;
/** No registry has made such an id. */
const NO_UPLOAD = '00000000-0000-4000-8000-000000000000';
const REFUSALS: ReadonlySet<number> = new Set([400, 404]);

/** An upload that can only be refused, and of which most is held back: who answers meanwhile has seen it before it ended. */
export async function checkStreaming(visit: Visit): Promise<Verdict> {
  if (visit.settings.quick) return skipped('--quick');
  if (visit.image === undefined) return skipped('nothing can be pushed');
  const { client, repository, scopes, signal } = visit;
  const patience = AbortSignal.timeout(HELD_MS);
  const called = await client.once({
    method: 'PATCH',
    path: `/v2/${repository}/blobs/uploads/${NO_UPLOAD}`,
    scopes,
    headers: { 'content-type': BLOB_TYPE },
    body: heldBody(),
    signal: AbortSignal.any([signal, patience]),
  });
  if (patience.aborted)
    return failed(
      `an upload that can only be refused was not, in ${String(HELD_MS / 1_000)} seconds, while its end was still to come: uploads are kept back until they are whole`,
      'Have what stands in front pass on what comes at once (nginx: proxy_request_buffering off, proxy_http_version 1.1); large layers are slow otherwise, and fill its disk.',
    );
  if (!called.ok) return skipped(`it can't be told: ${called.failure.reason}`);
  const { status } = called.value;
  called.value.abandon();
  return REFUSALS.has(status)
    ? ok('an upload reaches the registry while it is still being sent')
    : skipped(`it can't be told: an upload that is none is answered with ${String(status)}`);
}

function heldBody(): Body {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    yield PIECE.subarray(0, SENT_BYTES);
    // Its request has ended by then, one way or the other.
    await delay(2 * HELD_MS, undefined, { ref: false });
  }
  return { length: HELD_BYTES, pieces: pieces() };
}
