/**
 * Lists that change while they are read, as a property: whatever others write between the pages and beside them, what
 * stands still is listed once, in its order. At full size: large-lists.test.ts.
 */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { demand, putManifest, send } from './client.ts';
import { walkBeside } from './lists.ts';
import { LogLines } from './log-lines.ts';
import {
  repositoryNamed,
  seedCatalog,
  seedReferrers,
  seedTags,
  smallManifest,
  subjectDescriptor,
  type Small,
} from './seeding.ts';
import { objects } from './world.ts';

const RUNS = 12;
/** Each run reads and writes some dozens of times, on a machine that does other things as well. */
const PROPERTY_TIMEOUT_MS = 240_000;
const LARGEST_PAGE = 6;
/** Names that sort beside and within one another. */
const NAMES = [
  '0',
  '00',
  '1',
  '1.0',
  'a',
  'a-b',
  'a.b',
  'a0',
  'aa',
  'ab',
  'b',
  'b-1',
  'ba',
  'latest',
  'v1',
  'v10',
  'z',
];
const TYPES = ['application/vnd.example.one', 'application/vnd.example.two'];
/** The third of a page of 4 MB, at three bytes a character. */
const HEAVIEST_CHARACTERS = 1_300_000;

beforeEach(() => {
  new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
});

type Write = { kind: 'put' | 'move' | 'delete'; at: number };

/** What others do beside each page: at most three things. */
const writes = fc.array(
  fc.array(fc.record({ kind: fc.constantFrom<Write['kind']>('put', 'move', 'delete'), at: fc.nat({ max: 1_000 }) }), {
    maxLength: 3,
  }),
  { maxLength: 12 },
);
/** Each name stands, or is written to: there at first, or not. */
const roles = fc.array(fc.constantFrom('stands', 'there', 'absent'), {
  minLength: NAMES.length,
  maxLength: NAMES.length,
});
const pageSize = fc.integer({ min: 1, max: LARGEST_PAGE });

function withRole(given: readonly string[], ...wanted: readonly string[]): string[] {
  return NAMES.filter((_, index) => wanted.includes(given[index] ?? ''));
}

/** All pages, in each of which this list of writes goes on. */
async function walkedBeside(
  path: string,
  turns: readonly (readonly Write[])[],
  write: (one: Write, turn: number) => Promise<unknown>,
): Promise<string[]> {
  const pages = await walkBeside(path, async (page) => {
    await Promise.all((turns[page] ?? []).map((one) => write(one, page)));
  });
  return pages.flat();
}

function expectSorted(seen: readonly string[]): void {
  expect(seen).toEqual([...new Set(seen)].sort());
}

async function remove(path: string): Promise<void> {
  expect([202, 404]).toContain((await send('DELETE', path)).status);
}

describe('a list that changes while it is read', { timeout: PROPERTY_TIMEOUT_MS }, () => {
  it('has each tag that stands once, and all in order', async () => {
    const [one, other] = await Promise.all([smallManifest('one'), smallManifest('other')]);
    await fc.assert(
      fc.asyncProperty(roles, pageSize, writes, async (given, size, turns) => {
        const repository = `moving/${crypto.randomUUID()}`;
        // One always stands, so that there is a list.
        const standing = [...withRole(given, 'stands'), 'zz'];
        const moving = withRole(given, 'there', 'absent');
        await seedTags(repository, [...standing, ...withRole(given, 'there')], one);
        const seen = await walkedBeside(`/v2/${repository}/tags/list?n=${String(size)}`, turns, async (write) => {
          // What stands may be moved to another manifest: it is the same tag.
          const names = write.kind === 'move' ? standing : moving;
          const name = names[write.at % names.length];
          if (name === undefined) return;
          if (write.kind === 'delete') await remove(`/v2/${repository}/manifests/${name}`);
          else demand(await putManifest(repository, name, other.body), 201);
        });
        expectSorted(seen);
        expect(seen.filter((name) => standing.includes(name))).toEqual(standing);
      }),
      { numRuns: RUNS },
    );
  });

  it('has each repository that stands once, and all in order', async () => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(roles, pageSize, writes, async (given, size, turns) => {
        runs += 1;
        // Behind those of the runs before, so that a walk from here sees its own names only.
        const prefix = `moving-${String(runs).padStart(4, '0')}/`;
        const named = (name: string) => `${prefix}${name}`;
        const standing = withRole(given, 'stands').map(named);
        const moving = withRole(given, 'there', 'absent').map(named);
        await seedCatalog(withRole(given, 'stands', 'there').map(named));
        let news = 1;
        const seen = await walkedBeside(
          `/v2/_catalog?n=${String(size)}&last=${encodeURIComponent(prefix)}`,
          turns,
          async (write) => {
            const name = moving[write.at % moving.length];
            if (name === undefined) return;
            news += 1;
            await objects.catalog().set(repositoryNamed(name), write.kind !== 'delete', news);
          },
        );
        expectSorted(seen);
        expect(seen.filter((name) => standing.includes(name))).toEqual(standing);
      }),
      { numRuns: RUNS },
    );
  });

  it('has each referrer that stands once, in the order in which they came', async () => {
    const subject = await smallManifest('subject');
    const seeds = fc.array(
      fc.record({
        stands: fc.boolean(),
        type: fc.constantFrom(...TYPES),
        // A page ends where it weighs too much, so this is what the size of a page hangs on.
        weight: fc.integer({ min: 200_000, max: HEAVIEST_CHARACTERS }),
      }),
      { minLength: 2, maxLength: 9 },
    );
    await fc.assert(
      fc.asyncProperty(seeds, fc.boolean(), writes, async (given, isFiltered, turns) => {
        const repository = `moving/${crypto.randomUUID()}`;
        const digests = await seedReferrers(repository, subject.digest, given);
        const [type = ''] = TYPES;
        const standing = digests.filter(
          (_, index) => given[index]?.stands === true && (!isFiltered || given[index].type === type),
        );
        const moving = digests.filter((_, index) => given[index]?.stands === false);
        const query = isFiltered ? `?artifactType=${encodeURIComponent(type)}` : '';
        const seen = await walkedBeside(
          `/v2/${repository}/referrers/${subject.digest}${query}`,
          turns,
          async (write, turn) => {
            const digest = moving[write.at % moving.length];
            if (write.kind === 'put') await pushReferrer(repository, subject, `${String(turn)} ${String(write.at)}`);
            else if (digest !== undefined) await remove(`/v2/${repository}/manifests/${digest}`);
          },
        );
        expect(seen.filter((digest) => standing.some((other) => other === digest))).toEqual(standing);
        expect(new Set(seen).size).toBe(seen.length);
      }),
      { numRuns: RUNS },
    );
  });
});

async function pushReferrer(repository: string, subject: Small, own: string): Promise<void> {
  const extra = { artifactType: TYPES[0], subject: subjectDescriptor(subject) };
  const { body, digest } = await smallManifest(own, extra);
  demand(await putManifest(repository, digest, body), 201);
}
