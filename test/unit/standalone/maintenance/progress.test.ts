/** What people read while a tool works, and how amounts are written. */
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { count, formatBytes, Progress } from '../../../../standalone/maintenance/progress.ts';

const SECOND_MS = 1_000;

/** What is printed when a tenth is done each second. */
function printed(isTTY: boolean, seconds: number): string {
  const out = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY });
  let now = 0;
  const progress = new Progress(out, 10_000_000, () => now);
  for (let second = 0; second < seconds; second += 1) {
    now += SECOND_MS;
    progress.advance(1_000_000);
  }
  progress.clear();
  return String(out.read() ?? '');
}

describe('progress', () => {
  it('is a bar that is drawn over itself on a terminal, and nothing is left of it', () => {
    const bar = printed(true, 5);
    expect(bar).not.toContain('\n');
    expect(bar.split('\r').at(5)).toBe('[############............]  50%    5.0 MB of 10.0 MB   1.0 MB/s   ');
    expect(bar.endsWith('\r\u001b[K')).toBe(true);
  });

  it('is a line now and then anywhere else', () => {
    expect(printed(false, 9)).toBe('');
    expect(printed(false, 10)).toBe('100%   10.0 MB of 10.0 MB   1.0 MB/s   \n');
  });

  it('copes with nothing to do', () => {
    const out = new PassThrough({ encoding: 'utf8' });
    new Progress(out, 0, () => 0).advance(0);
    expect(out.read()).toBeNull();
  });
});

describe('amounts', () => {
  it.each([
    [0, '0 bytes'],
    [999, '999 bytes'],
    [1_000, '1.0 kB'],
    [123_456, '123 kB'],
    [99_950_000, '100.0 MB'],
    [5_400_000_000, '5.4 GB'],
    [7e15, '7000 TB'],
  ])('%d', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it('are counted in words', () => {
    expect([count(0, 'blob'), count(1, 'blob'), count(2, 'repository')]).toEqual([
      '0 blobs',
      '1 blob',
      '2 repositories',
    ]);
  });
});
