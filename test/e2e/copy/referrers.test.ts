/** Signatures and other referrers of a source that lists them (distribution-spec, "Listing Referrers"). */
import { describe, expect, test } from 'vitest';
import { start } from '../berths.ts';
import { Content, expectServed, pushContent } from './content.ts';
import { wellCopied } from './copying.ts';
import { HAS_DISTRIBUTION, startDistribution } from './distribution.ts';
import { answer, startFront } from './front.ts';

describe.skipIf(!HAS_DISTRIBUTION)('referrers', () => {
  test('referrers are found by the API of a source that has it, and those of a later day too', async () => {
    const [old, berth] = [await startDistribution(), await start()];
    const content = new Content('referred/app');
    const child = content.image();
    const index = content.index([child]);
    content.tag('v1', index);
    const signature = content.artifact({ subject: child });
    const ofSignature = content.artifact({ subject: signature });
    await pushContent(old.url, content);
    const later = content.artifact({ subject: child, annotations: { day: 'later' } });
    const listed = new Map([
      [child.digest, [signature]],
      [signature.digest, [ofSignature]],
    ]);
    const front = await startFront(old.url, (asked) => {
      const digest = /\/referrers\/(sha256:\w+)$/.exec(asked.path)?.[1];
      if (digest === undefined) return false;
      return answer(asked, 200, {}, JSON.stringify({ schemaVersion: 2, manifests: listed.get(digest) ?? [] }));
    });
    const without = new Content(content.name);
    for (const [digest, manifest] of content.manifests)
      if (digest !== later.digest) without.manifests.set(digest, manifest);
    without.tag('v1', index);
    const words = ['--from', front.url, '--to', berth.url];
    const { report } = await wellCopied(words);
    expect(report.manifests).toEqual({ copied: 4, skipped: 0 });
    await expectServed(berth.url, without);

    await pushContent(old.url, content);
    listed.set(child.digest, [signature, later]);
    const again = await wellCopied(words);
    expect(again.report).toMatchObject({ tags: { copied: 0, skipped: 1 }, manifests: { copied: 1 } });
    await expectServed(berth.url, content);
  });
});
