/** Blobs whose digest is not SHA-256: announced when the session is opened (end-4c), or found out at its end. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { demand, expectServed, openSession, refusal, send, Session, sha512, type PushForm } from './client.ts';
import { LogLines } from './log-lines.ts';
import { newBlob, type Blob } from './world.ts';

const name = 'algorithms/main';
const MIB = 1_024 * 1_024;

let log: LogLines;
beforeEach(() => {
  log = new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
});

async function announced(algorithm: string): Promise<Session> {
  const answer = await send('POST', `/v2/${name}/blobs/uploads/?digest-algorithm=${algorithm}`);
  return new Session(demand(answer, 202).headers.get('location') ?? '');
}

async function newSha512Blob(size: number): Promise<Blob> {
  const { bytes } = await newBlob(size);
  return { bytes, digest: await sha512(bytes) };
}

/** Sends the blob in chunks, and returns what the closing PUT cost the store. */
async function closingCost(session: Session, { bytes, digest }: Blob, evictAt?: number): Promise<number> {
  const CHUNK = 6 * MIB;
  for (let start = 0; start < bytes.byteLength; start += CHUNK) {
    if (start === evictAt) await session.evict();
    demand(await session.chunk(bytes.subarray(start, start + CHUNK), start), 202);
  }
  log.clear();
  demand(await session.put(digest), 201);
  return log.requests.at(-1)?.storeOperations ?? 0;
}

describe('a session that announces SHA-512', () => {
  it('is hashed as it comes: nothing is read back', async () => {
    const blob = await newSha512Blob(20 * MIB);
    const cost = await closingCost(await announced('sha512'), blob);
    await expectServed(name, blob);
    const other = await newSha512Blob(20 * MIB);
    const unannounced = await closingCost(await openSession(name), other);
    await expectServed(name, other);
    expect(unannounced).toBe(cost + 1);
  });

  it('is read back once where its object forgot what it had hashed', async () => {
    const blob = await newSha512Blob(20 * MIB);
    await closingCost(await announced('sha512'), blob, 12 * MIB);
    await expectServed(name, blob);
  });

  it('may be closed with SHA-256 all the same', async () => {
    const blob = await newBlob(10 * MIB);
    await closingCost(await announced('sha512'), blob);
    await expectServed(name, blob);
  });

  it.each<[string, PushForm]>([
    [
      'one PATCH',
      async (_name, { bytes, digest }) => {
        const session = await announced('sha512');
        demand(await session.patch(bytes), 202);
        return session.put(digest);
      },
    ],
    ['the body in the PUT', async (_name, { bytes, digest }) => (await announced('sha512')).putBody(digest, bytes)],
  ])('takes small blobs in every form, and none with another digest: %s', async (_form, push) => {
    for (const size of [0, 1, 1_000]) {
      const blob = await newSha512Blob(size);
      expect((await push(name, blob)).status).toBe(201);
      await expectServed(name, blob);
    }
    const wrong = { ...(await newBlob(1_000)), digest: (await newSha512Blob(999)).digest };
    expect(await refusal(push(name, wrong))).toMatchObject({ status: 400, code: 'DIGEST_INVALID' });
  });
});

describe('an algorithm that nobody knows', () => {
  it.each(['md5', 'sha384', '', 'SHA512', 'sha512:', 'sha256,sha512'])(
    'is refused at the POST: %s',
    async (algorithm) => {
      const answer = send('POST', `/v2/${name}/blobs/uploads/?digest-algorithm=${encodeURIComponent(algorithm)}`);
      expect(await refusal(answer)).toMatchObject({ status: 400, code: 'DIGEST_INVALID' });
    },
  );
});
