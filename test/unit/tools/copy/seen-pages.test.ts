/** Lists that go in circles or never end, and how little is remembered of them. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import * as v from 'valibot';
import { MAX_PAGES, SeenPages } from '../../../../tools/copy/seen-pages.ts';

const MIB = 1_024 * 1_024;
const page = (last: string | number) => new URL(`http://registry.example/v2/_catalog?last=${last}`);

/** The memory that is really in use. */
function usedBytes(): number {
  setFlagsFromString('--expose-gc');
  v.parse(v.function(), runInNewContext('gc'))();
  return process.memoryUsage().heapUsed;
}

describe('the pages of a list', () => {
  it('are new once', () => {
    const seen = new SeenPages();
    expect(seen.isEmpty).toBe(true);
    seen.add(page('a'));
    expect([seen.isEmpty, seen.judge(page('a')), seen.judge(page('b'))]).toEqual([false, 'seen', 'new']);
  });

  it('are so many at most, and take little memory however long their addresses are', () => {
    const seen = new SeenPages();
    const before = usedBytes();
    const long = 'y'.repeat(1_000);
    for (let index = 0; index < MAX_PAGES; index += 1) seen.add(page(`${long}${index}`));
    expect(seen.judge(page('z'))).toBe('full');
    expect(seen.judge(page(`${long}7`))).toBe('seen');
    // The addresses themselves would be 20 MB.
    expect(usedBytes() - before).toBeLessThan(8 * MIB);
  });
});
