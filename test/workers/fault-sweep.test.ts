/**
 * Every call that a push makes to the store or to another object is interrupted on purpose, one after another: it fails
 * before it is made or after it succeeded, or its caller crashes there. The client does what clients do: it repeats what
 * was answered 5xx, and begins anew when its upload is gone. In the end the push must have worked, the right bytes must be
 * served, nothing else may be left in the store, and no object may be stuck with work. Deletes, mounts and other changes:
 * fault-sweep-changes.test.ts.
 */
import { env } from 'cloudflare:workers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { faults, type Call, type FaultKind } from './faults.ts';
import {
  manifestOf,
  mapped,
  newBlob,
  newWorld,
  openUpload,
  overdueTasks,
  passAllGraces,
  pullManifest,
  pushBlob,
  pushManifest,
  putWhole,
  request,
  served,
  settle,
  storedKeys,
  textBlob,
  type Blob,
} from './world.ts';

/** An isolate asks once who may come in, and again each minute: that is no call of a push. */
async function warmUp(): Promise<void> {
  await (await request('/v2/')).arrayBuffer();
}

const KINDS: readonly FaultKind[] = ['fail-before', 'fail-after', 'crash-before', 'crash-after'];
const TRIES = 6;
const SWEEP_TIMEOUT_MS = 120_000;
const PART_BYTES = 8 * 1024 * 1024;

interface Scenario {
  name: string;
  size: number;
  /** What is there before the push that is interrupted. */
  prepare?: (blob: Blob) => Promise<void>;
  push: (blob: Blob) => Promise<number>;
  /** Bytes that make the manifest large enough to be stored as a blob. */
  manifestPadding?: number;
}

/** One PATCH with the body, then an empty PUT: as docker and skopeo push. */
async function patchThenPut(path: string, { bytes, digest }: Blob): Promise<number> {
  const patched = await request(path, { method: 'PATCH', body: bytes });
  if (patched.status !== 202) return patched.status;
  return closeWithRetries(path, digest);
}

async function closeWithRetries(path: string, digest: string): Promise<number> {
  let status = 503;
  for (let attempt = 0; attempt < TRIES && status >= 500; attempt += 1) {
    status = (await request(`${path}?digest=${digest}`, { method: 'PUT' })).status;
  }
  return status;
}

const SCENARIOS: readonly Scenario[] = [
  { name: 'a whole body in one PUT', size: 1_000, push: wholePut },
  { name: 'a large manifest', size: 1_000, push: wholePut, manifestPadding: 70_000 },
  { name: 'a small blob by PATCH', size: 1_000, push: small },
  { name: 'a blob of several parts by PATCH', size: PART_BYTES + 100_000, push: small },
  {
    name: 'a blob that is there already',
    size: 1_000,
    prepare: async (blob) => {
      expect(await pushBlob('other', blob)).toBe(201);
    },
    push: wholePut,
  },
  {
    name: 'a blob that the store has lost',
    size: 1_000,
    prepare: async (blob) => {
      expect(await pushBlob('a', blob)).toBe(201);
      await env.BLOBS.delete((await mapped(blob.digest))?.key ?? '');
    },
    push: wholePut,
  },
];

async function wholePut(blob: Blob): Promise<number> {
  const { path } = await openUpload('a');
  let status = 503;
  for (let attempt = 0; attempt < TRIES && status >= 500; attempt += 1) status = (await putWhole(path, blob)).status;
  return status;
}

async function small(blob: Blob): Promise<number> {
  return patchThenPut((await openUpload('a')).path, blob);
}

async function persist(step: () => Promise<number>): Promise<number> {
  let status = 0;
  for (let attempt = 0; attempt < TRIES && status !== 201; attempt += 1) status = await step().catch(() => 0);
  return status;
}

async function pushImage(scenario: Scenario, blob: Blob, manifest: string): Promise<void> {
  expect(await persist(() => scenario.push(blob))).toBe(201);
  expect(await persist(() => pushManifest('a', 'latest', manifest))).toBe(201);
}

async function expectSound(blob: Blob, manifest: string): Promise<void> {
  expect(await served('a', blob)).toBe('right');
  await passAllGraces();
  expect(await served('a', blob)).toBe('right');
  expect(await pullManifest('a', 'latest')).toBe(manifest);
  const wanted = await Promise.all(
    [blob, await textBlob(manifest)].map(async ({ digest }) => (await mapped(digest))?.key),
  );
  expect(await storedKeys()).toEqual(wanted.filter((key) => key !== undefined).sort());
  expect(await overdueTasks()).toEqual([]);
}

describe.each(SCENARIOS)('$name', (scenario) => {
  let calls: Call[] = [];
  const manifestFor = (blob: Blob) => manifestOf(blob, scenario.manifestPadding);

  beforeAll(async () => {
    await newWorld();
    const blob = await newBlob(scenario.size);
    await scenario.prepare?.(blob);
    await warmUp();
    faults.reset();
    await pushImage(scenario, blob, manifestFor(blob));
    // With the work after the answer, which may be done by now or not.
    await settle();
    calls = [...faults.trace];
    await expectSound(blob, manifestFor(blob));
  }, SWEEP_TIMEOUT_MS);

  it.each(KINDS)(
    'survives %s at every call',
    async (kind) => {
      expect(calls.length).toBeGreaterThan(5);
      let fired = 0;
      for (const call of calls) {
        await newWorld();
        const blob = await newBlob(scenario.size);
        await scenario.prepare?.(blob);
        await warmUp();
        faults.reset();
        faults.inject(call.point, kind, call.nth);
        await pushImage(scenario, blob, manifestFor(blob));
        await expectSound(blob, manifestFor(blob)).catch((error: unknown) => {
          throw new Error(`after ${kind} at ${call.point} #${String(call.nth)}`, { cause: error });
        });
        fired += faults.fired.length;
      }
      expect(fired).toBe(calls.length);
    },
    SWEEP_TIMEOUT_MS,
  );

  afterAll(() => {
    faults.reset();
  });
});
