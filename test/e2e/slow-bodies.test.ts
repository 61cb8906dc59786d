/** Whole bodies that bring next to nothing: their senders hear so, and those that are only slow are taken. */
import { createHash } from 'node:crypto';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { start } from './berths.ts';
import { openSession, withDigest } from './proxy/large-body.ts';

const ANNOUNCED_BYTES = 100_000_000;
/** At a kilobyte a second this takes longer than any silence may. */
const SLOW_BYTES = 80_000;
const PIECE_BYTES = 1_000;
const TEST_MS = 400_000;

interface Answer {
  readonly status: number | undefined;
  readonly range: string | undefined;
  readonly type: string | undefined;
  readonly body: string;
}

function put(url: URL, method: 'PUT' | 'POST', length: number): { asked: ClientRequest; answered: Promise<Answer> } {
  const asked = request(url, { method, agent: false, headers: { 'content-length': String(length) } });
  onTestFinished(() => {
    asked.destroy();
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    asked.once('response', resolve);
    asked.on('error', reject);
  }).then(async (message) => ({
    status: message.statusCode,
    range: message.headers.range,
    type: message.headers['content-type'],
    body: await text(message),
  }));
  return { asked, answered };
}

/** Each second so much, until all has gone or there is an answer. */
function trickle({ asked, answered }: ReturnType<typeof put>, bytes: Buffer, pieceBytes: number): Promise<Answer> {
  let sent = 0;
  const timer = setInterval(() => {
    asked.write(bytes.subarray(sent, sent + pieceBytes));
    sent += pieceBytes;
    if (sent < bytes.length) return;
    clearInterval(timer);
    asked.end();
  }, 1_000);
  onTestFinished(() => {
    clearInterval(timer);
  });
  return answered.finally(() => {
    clearInterval(timer);
  });
}

test(
  'a whole body that trickles gets 408 with its session, and one of a kilobyte a second is taken',
  async () => {
    const berth = await start();
    const digest = `sha256:${'0'.repeat(64)}`;
    const nothing = Buffer.alloc(ANNOUNCED_BYTES / 100);
    const slow = Buffer.alloc(SLOW_BYTES, 'slow');
    const slowDigest = `sha256:${createHash('sha256').update(slow).digest('hex')}`;
    const trickling = put(withDigest(await openSession(berth.url), digest), 'PUT', ANNOUNCED_BYTES);
    const posted = put(new URL(`/v2/large/blobs/uploads/?digest=${digest}`, berth.url), 'POST', ANNOUNCED_BYTES);
    const patient = put(withDigest(await openSession(berth.url), slowDigest), 'PUT', slow.length);
    const [one, other, taken] = await Promise.all([
      trickle(trickling, nothing, 20),
      trickle(posted, nothing, 1),
      trickle(patient, slow, PIECE_BYTES),
    ]);
    for (const answer of [one, other]) {
      expect(answer).toMatchObject({ status: 408, range: '0-0', type: 'application/json' });
      expect(JSON.parse(answer.body)).toMatchObject({ errors: [{ code: 'BLOB_UPLOAD_INVALID' }] });
    }
    expect(taken.status).toBe(201);
  },
  TEST_MS,
);
