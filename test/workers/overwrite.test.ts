/**
 * Tags that a push may give and not move ("overwrite": false in a policy): kept by the transaction that would move them,
 * for every name of a tag, `latest` included (CVE-2026-31801).
 */
import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { MOST_DELETED_TAGS } from '../../src/objects/repository/manifests.ts';
import { demand, getManifest, imageOf, pushed, refusal, send, sendWith, sha256, textBytes } from './client.ts';
import { LogLines } from './log-lines.ts';
import { newBlob, type Blob } from './world.ts';

const name = 'overwrite/main';
let log: LogLines;
let blob: Blob;
beforeAll(async () => {
  blob = await pushed(name, await newBlob(100));
});
beforeEach(() => {
  log = new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Everybody may do everything, but for moving tags. */
const adding = {
  BERTH_POLICY: JSON.stringify({
    rules: [
      {
        ...{ name: 'add', subjects: ['anonymous'], repositories: ['**'], actions: ['*'] },
        ...{ overwrite: false, mutableTags: ['sha256-*', 'edge'] },
      },
    ],
  }),
};

/** Those from `large` on are too large for the table, so that their push waits for the store on its way. */
const body = (version: string) =>
  imageOf(blob, { annotations: { version, padding: 'x'.repeat(version.startsWith('large') ? 70_000 : 0) } });
const digestOf = (version: string) => sha256(body(version));
const put = (settings: Record<string, string>, reference: string, version: string, headers = {}) =>
  sendWith(settings, 'PUT', `/v2/${name}/manifests/${reference}`, { body: textBytes(body(version)), headers });
/** A push by who may move tags, as everybody may without a policy. */
const move = (reference: string, version: string) => put({}, reference, version);
const add = (reference: string, version: string, headers = {}) => put(adding, reference, version, headers);
const remove = (reference: string) => sendWith(adding, 'DELETE', `/v2/${name}/manifests/${reference}`);
const led = async (tag: string) => (await getManifest(name, tag)).headers.get('docker-content-digest');

async function expectFixed(pending: Promise<Response>, tag: string, version: string): Promise<string> {
  const current = await digestOf(version);
  const answer = await refusal(pending);
  expect(answer).toMatchObject({ status: 403, code: 'DENIED', detail: { tag, current } });
  expect(answer.message).toContain(`the tag ${tag} `);
  expect(answer.message).toContain(current);
  return answer.message;
}

describe('a push that may not move tags', () => {
  it.each(['v1', 'latest', 'LATEST', 'sha256', 'edge-2', '_', 'v1.0.0'])(
    'gives the tag %s once (CVE-2026-31801)',
    async (tag) => {
      demand(await add(tag, `first ${tag}`), 201);
      demand(await add(tag, `first ${tag}`), 201);
      await expectFixed(add(tag, 'second'), tag, `first ${tag}`);
      await expectFixed(add(tag, 'large'), tag, `first ${tag}`);
      expect(await led(tag)).toBe(await digestOf(`first ${tag}`));
      expect((await getManifest(name, await digestOf('second'))).status).toBe(404);
    },
  );

  it('moves the tags that a pattern exempts, as cosign does with its own', async () => {
    for (const tag of ['sha256-0123.sig', 'edge']) {
      demand(await add(tag, 'one'), 201);
      demand(await add(tag, 'two'), 201);
      expect(await led(tag)).toBe(await digestOf('two'));
    }
  });

  it('does no store operation for what it refuses', async () => {
    demand(await add('cheap', 'one'), 201);
    log.clear();
    await expectFixed(add('cheap', 'large again'), 'cheap', 'one');
    expect(log.requests[0]).toMatchObject({ status: 403, objectCalls: 1, storeOperations: 0 });
  });

  it('by digest with several tags gives all of them or none', async () => {
    demand(await add('several', 'several'), 201);
    const digest = await digestOf('others');
    await expectFixed(add(`${digest}?tag=free&tag=several`, 'others'), 'several', 'several');
    expect(await led('free')).toBeNull();
    demand(await add(`${digest}?tag=free&tag=edge`, 'others'), 201);
    expect(await led('free')).toBe(digest);
  });

  it('of a manifest without a tag is a push like any other', async () => {
    demand(await add(await digestOf('untagged'), 'untagged'), 201);
  });
});

describe('a tag that was deleted', () => {
  it('is not given anew to another digest, which would be a move', async () => {
    demand(await add('gone', 'gone'), 201);
    demand(await remove('gone'), 202);
    expect(await expectFixed(add('gone', 'other'), 'gone', 'gone')).toContain('was deleted');
    demand(await add('gone', 'gone'), 201);
    await expectFixed(add('gone', 'other'), 'gone', 'gone');
  });

  it('with its manifest is remembered too, and so are all of that manifest', async () => {
    const digest = await digestOf('with manifest');
    demand(await add(`${digest}?tag=one&tag=two`, 'with manifest'), 201);
    demand(await remove(digest), 202);
    for (const tag of ['one', 'two']) {
      await expectFixed(add(tag, 'other'), tag, 'with manifest');
      demand(await add(tag, 'with manifest'), 201);
    }
  });

  it('is given to anything by who may move it, and that is what counts from then on', async () => {
    demand(await add('freed', 'before'), 201);
    demand(await remove('freed'), 202);
    demand(await move('freed', 'after'), 201);
    await expectFixed(add('freed', 'before'), 'freed', 'after');
    demand(await remove('freed'), 202);
    await expectFixed(add('freed', 'before'), 'freed', 'after');
    demand(await add('freed', 'after'), 201);
  });

  it('before there was such a policy is remembered all the same', async () => {
    demand(await move('earlier', 'earlier'), 201);
    demand(await send('DELETE', `/v2/${name}/manifests/earlier`), 202);
    await expectFixed(add('earlier', 'other'), 'earlier', 'earlier');
  });
});

describe('a repository that remembers as many deleted tags as it can', () => {
  const inRepository = <T>(work: (sql: SqlStorage) => T): Promise<T> =>
    runInDurableObject(env.REPOSITORY.get(env.REPOSITORY.idFromName(name)), (_object, { storage }) =>
      work(storage.sql),
    );
  const remembered = () =>
    inRepository((sql) => [
      sql.exec<{ count: number }>('SELECT count FROM deleted_tags_count').one().count,
      sql.exec<{ count: number }>('SELECT count(*) AS count FROM deleted_tags').one().count,
    ]);

  it('has counted them, whatever became of each', async () => {
    const digest = await digestOf('counted');
    demand(await add(`${digest}?tag=counted-1&tag=counted-2`, 'counted'), 201);
    demand(await remove(digest), 202);
    demand(await add('counted-1', 'counted'), 201);
    demand(await remove('counted-1'), 202);
    demand(await add('counted-2', 'counted'), 201);
    const [counted, there] = await remembered();
    expect(counted).toBe(there);
  });

  it('lets nobody delete who could not move, so that no deletion makes it forget; who may move still can, and that is remembered', async () => {
    const digest = await digestOf('full');
    demand(await add(`${digest}?tag=full-1&tag=full-2`, 'full'), 201);
    const [before = 0] = await remembered();
    await inRepository((sql) => sql.exec('UPDATE deleted_tags_count SET count = ?', MOST_DELETED_TAGS - 1).toArray());
    const full = await refusal(remove(digest));
    expect(full).toMatchObject({ status: 403, code: 'DENIED' });
    expect(full.message).toContain('nothing was deleted');
    expect(await led('full-1')).toBe(digest);
    demand(await remove('full-1'), 202);
    expect((await remove('full-2')).status).toBe(403);
    await expectFixed(add('full-1', 'other'), 'full-1', 'full');
    demand(await send('DELETE', `/v2/${name}/manifests/full-2`), 202);
    expect(await led('full-2')).toBeNull();
    await expectFixed(add('full-2', 'other'), 'full-2', 'full');
    await inRepository((sql) => sql.exec('UPDATE deleted_tags_count SET count = ?', before + 2).toArray());
  });
});

describe('beside a condition', () => {
  it('the policy is asked first, since a condition counts only for who may do it at all (RFC 9110 §13.2.1)', async () => {
    demand(await add('condition', 'one'), 201);
    const tagged = async (version: string) => `"${await digestOf(version)}"`;
    for (const headers of [
      { 'if-match': await tagged('one') },
      { 'if-match': await tagged('other') },
      { 'if-none-match': '*' },
    ])
      await expectFixed(add('condition', 'two', headers), 'condition', 'one');
    const again = await refusal(add('condition', 'one', { 'if-none-match': '*' }));
    expect(again).toMatchObject({ status: 412, detail: { current: await digestOf('one') } });
    demand(await add('condition', 'one', { 'if-match': await tagged('one') }), 201);
  });

  it('a deleted tag is not there for the condition, and is refused for what it was', async () => {
    demand(await add('absent', 'one'), 201);
    demand(await remove('absent'), 202);
    await expectFixed(add('absent', 'two', { 'if-none-match': '*' }), 'absent', 'one');
    demand(await add('absent', 'one', { 'if-none-match': '*' }), 201);
  });
});

describe('of many who give one new tag at once', () => {
  it.each(['latest', 'large'])('exactly one wins, and the others are told its digest: %s', async (kind) => {
    for (let round = 0; round < 5; round += 1) {
      const tag = `race-${kind}-${String(round)}`;
      const versions = Array.from({ length: 8 }, (_, racer) => `${kind} ${String(round)} ${String(racer)}`);
      const answers = await Promise.all(versions.map((version) => add(tag, version)));
      const winners = versions.filter((_, racer) => answers[racer]?.status === 201);
      expect(winners).toHaveLength(1);
      const winner = await digestOf(winners[0] ?? '');
      expect(await led(tag)).toBe(winner);
      for (const answer of answers.filter(({ status }) => status !== 201))
        expect(await refusal(answer)).toMatchObject({ status: 403, code: 'DENIED', detail: { tag, current: winner } });
    }
  });
});
