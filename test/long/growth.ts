/**
 * Growth costs nothing: the same requests to the same repository do the same work, counted in calls to objects and
 * operations on the store, whether there are a few tags, blobs and repositories or ten times as many.
 */
import * as v from 'valibot';
import { startBerth } from '../e2e/berth-process.ts';
import type { BerthProcess } from '../e2e/berth-process.ts';
import { exchange } from '../e2e/crash/exchange.ts';
import type { Answer, Call } from '../e2e/crash/exchange.ts';
import { blobOf } from '../e2e/crash/ledger.ts';
import type { Blob } from '../e2e/crash/ledger.ts';
import { Seeded } from '../e2e/crash/seeded.ts';
import type { Campaign } from './campaign.ts';

/** Tags and blobs of the measured repository, and as many other repositories. The first two are always compared. */
const LEVELS = [10, 100, 1_000] as const;
const ALWAYS = 2;
const CONNECTIONS = 8;
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const MEASURED = 'growth/measured';

const Work = v.object({ route: v.string(), status: v.number(), objectCalls: v.number(), storeOperations: v.number() });

export const growth: Campaign = {
  name: 'growth',
  share: 1,
  async run({ seed, deadline, log }) {
    // What is believed for a while costs no call at all, and would hide what a call costs.
    const berth = await startBerth({ environment: { BERTH_EXISTENCE_CACHE_SECONDS: '0' } });
    try {
      const random = new Seeded(seed);
      let grown = 0;
      let before: string[] | undefined;
      for (const [index, level] of LEVELS.entries()) {
        const until = index < ALWAYS ? Infinity : deadline;
        await grow(berth, random, grown, level, until);
        if (Date.now() > until) break;
        grown = level;
        const work = await measure(berth, random);
        log(`${String(level)} tags, blobs and repositories:`);
        for (const line of work) log(`  ${line}`);
        if (before !== undefined && before.join('\n') !== work.join('\n')) {
          throw new Error(`the work has changed; with fewer it was:\n${before.join('\n')}`);
        }
        before = work;
      }
      const { code } = await berth.stop();
      if (code !== 0) throw new Error(`it ended with code ${String(code)}`);
    } finally {
      await berth.discard();
    }
  },
};

async function ask(berth: BerthProcess, call: Call, status: number): Promise<Answer> {
  const answer = await exchange(berth.url, call);
  if (answer.kind !== 'answer') throw new Error(`${call.method} ${call.path}: ${answer.reason}`);
  if (answer.status === status) return answer;
  throw new Error(`${call.method} ${call.path} is answered ${String(answer.status)}: ${answer.body.toString()}`);
}

async function grow(berth: BerthProcess, random: Seeded, from: number, to: number, deadline: number): Promise<void> {
  let next = from;
  const push = async (): Promise<void> => {
    for (let index = next++; index < to && Date.now() < deadline; index = next++) {
      for (const repository of [MEASURED, `growth/other-${String(index)}`]) {
        const config = blobOf(random.branch(`${repository} ${String(index)}`).bytes(200));
        await pushWhole(berth, repository, config);
        await pushManifest(berth, repository, `tag-${String(index)}`, config);
      }
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, push));
}

function pushWhole(berth: BerthProcess, repository: string, { digest, bytes }: Blob): Promise<Answer> {
  return ask(
    berth,
    { method: 'POST', path: `/v2/${repository}/blobs/uploads/?digest=${digest}`, body: { bytes } },
    201,
  );
}

function pushManifest(berth: BerthProcess, repository: string, tag: string, config: Blob): Promise<Answer> {
  return ask(
    berth,
    {
      method: 'PUT',
      path: `/v2/${repository}/manifests/${tag}`,
      headers: { 'content-type': MANIFEST_TYPE },
      body: { bytes: manifestOf(config) },
    },
    201,
  );
}

function manifestOf({ digest, bytes }: Blob): Buffer<ArrayBuffer> {
  const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size: bytes.byteLength };
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST_TYPE, config, layers: [] }));
}

/** One push and one pull with everything in it that clients ask, and a line for the work of each request. */
async function measure(berth: BerthProcess, random: Seeded): Promise<string[]> {
  const work: string[] = [];
  const counted = async (call: Call, status: number): Promise<Answer> => {
    const answer = await ask(berth, call, status);
    work.push(await workOf(berth, answer, call.method));
    return answer;
  };
  const blob = blobOf(random.bytes(100_000));
  const other = blobOf(random.bytes(100_000));
  const base = `/v2/${MEASURED}`;
  await counted({ method: 'HEAD', path: `${base}/blobs/${blob.digest}` }, 404);
  const opened = await counted({ method: 'POST', path: `${base}/blobs/uploads/` }, 202);
  const session = String(opened.headers.location);
  await counted({ method: 'PUT', path: `${session}?digest=${blob.digest}`, body: { bytes: blob.bytes } }, 201);
  const second = String((await counted({ method: 'POST', path: `${base}/blobs/uploads/` }, 202)).headers.location);
  await counted({ method: 'PATCH', path: second, body: { bytes: other.bytes, chunked: true } }, 202);
  await counted({ method: 'GET', path: second }, 204);
  await counted({ method: 'PUT', path: `${second}?digest=${other.digest}` }, 201);
  await counted({ method: 'HEAD', path: `${base}/blobs/${blob.digest}` }, 200);
  const headers = { 'content-type': MANIFEST_TYPE };
  const manifest = blobOf(manifestOf(blob));
  // A tag that is moved, among all the others.
  const path = `${base}/manifests/tag-7`;
  await counted({ method: 'PUT', path, headers, body: { bytes: manifest.bytes } }, 201);
  await counted({ method: 'HEAD', path }, 200);
  await counted({ method: 'GET', path }, 200);
  await counted({ method: 'GET', path: `${base}/manifests/${manifest.digest}` }, 200);
  await counted({ method: 'GET', path: `${base}/blobs/${blob.digest}` }, 200);
  await counted({ method: 'GET', path: `${base}/tags/list?n=10&last=tag-1` }, 200);
  return work;
}

async function workOf(berth: BerthProcess, answer: Answer, method: string): Promise<string> {
  const id = answer.headers['x-request-id'];
  // The line may come before the answer or after it.
  const line = await berth.run.waitFor((candidate) => candidate['id'] === id, { from: 0 });
  const { route, status, objectCalls, storeOperations } = v.parse(Work, line);
  return `${method} ${route} ${String(status)}: ${String(objectCalls)} object calls, ${String(storeOperations)} store operations`;
}
