/**
 * Every call that a delete, a mount, a push with a subject or with tags, or a cancel makes to the store or to another
 * object, with its tasks, is interrupted on purpose, in four ways. At any time all that a tag leads to is
 * served; the client tries again until it is told that it is done; from then on it is done, and in the end the store has
 * what is needed and nothing else. Pushes of images: fault-sweep.test.ts.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { CHANGES, keysOf, tagsOf, type Change } from './changes.ts';
import { getBlob, getManifest, sha256 } from './client.ts';
import { faults, type Call, type FaultKind } from './faults.ts';
import { newWorld, overdueTasks, passAllGraces, settle, storedKeys } from './world.ts';

const KINDS: readonly FaultKind[] = ['fail-before', 'fail-after', 'crash-before', 'crash-after'];
const TRIES = 6;
const SWEEP_TIMEOUT_MS = 240_000;

interface Described {
  config: { digest: string };
  layers: { digest: string }[];
}

/** Whatever a tag leads to is there, to the byte. */
async function expectNothingMissing(repository: string): Promise<void> {
  for (const tag of await tagsOf(repository)) {
    const answer = await getManifest(repository, tag);
    const text = await answer.text();
    expect([answer.status, await sha256(text)]).toEqual([200, answer.headers.get('docker-content-digest')]);
    const { config, layers } = await new Response(text).json<Described>();
    for (const { digest } of [config, ...layers]) {
      const blob = await getBlob(repository, digest);
      expect([blob.status, await sha256(new Uint8Array(await blob.arrayBuffer()))]).toEqual([200, digest]);
    }
  }
}

async function expectAlways({ repositories, always }: Change): Promise<void> {
  for (const repository of repositories) await expectNothingMissing(repository);
  await always?.();
}

async function attempt(change: Change): Promise<void> {
  for (let attempted = 1; attempted <= TRIES; attempted += 1) {
    const status = await change.act().then(
      (answer) => answer.status,
      () => 500,
    );
    await expectAlways(change);
    if (status === change.done || (attempted > 1 && status === change.again)) return;
    expect(status).toBeGreaterThanOrEqual(500);
  }
  throw new Error(`it was not done in ${String(TRIES)} tries`);
}

/** Makes the change, lets every grace pass, and looks at what is there then. */
async function make(change: Change): Promise<void> {
  await attempt(change);
  await change.after();
  await passAllGraces();
  await expectAlways(change);
  await change.after();
  expect(await storedKeys()).toEqual(await keysOf(change.left));
  expect(await overdueTasks()).toEqual([]);
}

/** What is there before the change, and no work left over from it. */
async function prepared(make: () => Promise<Change>): Promise<Change> {
  await newWorld();
  const change = await make();
  await settle();
  faults.reset();
  return change;
}

describe.each(Object.entries(CHANGES).map(([name, begin]) => ({ name, begin })))('$name', ({ begin }) => {
  let calls: Call[] = [];

  beforeAll(async () => {
    const change = await prepared(begin);
    // Without what a test looks at meanwhile: its calls are not the change's.
    await attempt({ ...change, repositories: [], always: undefined });
    // With the work after the answer, which may be done by now or not.
    await (change.withGraces === true ? passAllGraces() : settle());
    calls = [...faults.trace];
  }, SWEEP_TIMEOUT_MS);

  it.each(KINDS)(
    'survives %s at every call',
    async (kind) => {
      expect(calls.length).toBeGreaterThan(0);
      // The front has nothing to lose: where it crashes, its request fails.
      const struck = calls.filter(({ point }) => !kind.startsWith('crash') || !point.startsWith('front>'));
      const missed: Call[] = [];
      for (const call of struck) {
        const change = await prepared(begin);
        faults.inject(call.point, kind, call.nth);
        await make(change).catch((error: unknown) => {
          throw new Error(`after ${kind} at ${call.point} #${String(call.nth)}`, { cause: error });
        });
        if (faults.fired.length === 0) missed.push(call);
      }
      expect(missed).toEqual([]);
    },
    SWEEP_TIMEOUT_MS,
  );

  afterAll(() => {
    faults.reset();
    vi.useRealTimers();
  });
});
