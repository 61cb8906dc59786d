/** What is told while the copy runs and at its end. */
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { ProgressLine } from '../../../../tools/copy/progress-line.ts';
import { describeReport, reportOf, type Report } from '../../../../tools/copy/report.ts';
import { Tally } from '../../../../tools/copy/tally.ts';

const SECOND_MS = 1_000;
const DIGEST = `sha256:${'ab'.repeat(32)}`;

function tallyOf(fill: (tally: Tally) => void, stop = new AbortController()): Tally {
  const tally = new Tally(stop.signal, () => undefined);
  fill(tally);
  return tally;
}

const report = (tally: Tally, changes: { dryRun?: boolean; stopped?: boolean } = {}): Report =>
  reportOf(tally, {
    from: 'http://old:5000',
    to: 'http://new:8787',
    startedAt: new Date(0),
    endedAt: new Date(SECOND_MS),
    dryRun: false,
    stopped: false,
    ...changes,
  });

describe('the report', () => {
  it('shows what a registry wrote, and nothing that a terminal would obey', () => {
    const tally = tallyOf((it) => {
      it.fail('manifest', 'a@\u001b]0;name\u0007', 'must not name "\u009b31m\u202eX" twice\u001b[2J');
    });
    expect(JSON.stringify(tally.failed)).not.toMatch(/\\u00[01][0-9a-f]|[\u007f-\u009f\u202a-\u202e]/);
    expect(tally.failed).toMatchObject([{ kind: 'manifest', name: 'a@ ]0;name' }]);
  });

  it('counts what was copied, what was there, what was mounted, and what is kept elsewhere', () => {
    const tally = tallyOf((it) => {
      it.repository();
      it.tag('copied');
      it.tag('skipped');
      it.manifest('copied', 500);
      it.manifest('skipped', 0);
      it.blob('copied', 1_000_000);
      it.blob('skipped', 2_000);
      it.blob('mounted', 3_000);
      it.blob('foreign', 9_000);
    });
    expect(report(tally)).toMatchObject({
      repositories: 1,
      tags: { copied: 1, skipped: 1 },
      manifests: { copied: 1, skipped: 1 },
      blobs: { copied: 1, skipped: 1, mounted: 1, foreign: 1 },
      bytes: { copied: 1_000_500, skipped: 2_000, mounted: 3_000 },
      failed: [],
      failures: 0,
    });
    expect(describeReport(report(tally))).toEqual([
      'Copied 1 tag, 1 manifest and 1 blob (1.0 MB) of 1 repository. ' +
        'There already: 1 tag, 1 manifest and 1 blob (2.0 kB). ' +
        'Mounted from another repository of the target: 1 blob (3.0 kB). ' +
        'Kept elsewhere, and not copied: 1 layer that the source does not have itself.',
    ]);
    expect(describeReport(report(tally, { dryRun: true }))[0]).toMatch(/^Would copy 1 tag, .* To be mounted from/);
  });

  it('names what failed, and tells how many more there are', () => {
    const tally = tallyOf((it) => {
      for (let number = 0; number < 20_000; number += 1) it.fail('tag', `a:${number}`, 'gone');
    });
    const lines = describeReport(report(tally));
    expect(lines.slice(1, 3)).toEqual(['Not copied: 20000 things.', '  tag a:0: gone']);
    expect(lines.at(-1)).toBe('  … and 19950 more; --json FILE lists them');
    expect(report(tally).failed).toHaveLength(10_000);
    expect(report(tally).failures).toBe(20_000);
  });

  it('takes nothing for failed that was stopped', () => {
    const stop = new AbortController();
    const tally = tallyOf((it) => {
      stop.abort();
      it.fail('blob', 'a@b', 'was stopped');
    }, stop);
    expect(describeReport(report(tally, { stopped: true })).slice(1)).toEqual([
      'Stopped before it was done. Run it again: it goes on where it was.',
    ]);
  });
});

describe('the progress', () => {
  const printed = async (isTTY: boolean): Promise<string> => {
    const out = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY, columns: 60 });
    let now = 0;
    const progress = new ProgressLine(out, () => now);
    const tally = new Tally(new AbortController().signal, () => {
      progress.update(tally);
    });
    await tally.during(`team/app@${DIGEST}`, async () => {
      for (let second = 0; second < 10; second += 1) {
        now += SECOND_MS;
        tally.sent(1_000_000);
      }
    });
    progress.clear();
    return String(out.read() ?? '');
  };

  it('is one line that fits the terminal, drawn over itself, and nothing is left of it', async () => {
    const line = await printed(true);
    expect(line).not.toContain('\n');
    expect(line.split('\r').at(2)).toBe('0 repos, 0 tags, 0 blobs sent, 0 there, 2.0 MB 1.0 MB/s  te');
    expect(line.endsWith('\r\u001b[K')).toBe(true);
  });

  it('is a line now and then anywhere else, with what is under way', async () => {
    expect(await printed(false)).toBe(
      '0 repos, 0 tags, 0 blobs sent, 0 there, 10.0 MB 1.0 MB/s  team/app@sha256:abababab\n',
    );
  });
});
