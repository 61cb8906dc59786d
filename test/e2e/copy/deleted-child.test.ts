/** What somebody has deleted at the target, of something that is there otherwise. */
import { describe, expect, test } from 'vitest';
import { start } from '../berths.ts';
import { Content, expectServed, pushContent } from './content.ts';
import { wellCopied } from './copying.ts';
import { HAS_DISTRIBUTION, startDistribution } from './distribution.ts';

describe.skipIf(!HAS_DISTRIBUTION)('an index that is there without a child', () => {
  test('gets the child back once its tag is gone too', async () => {
    const [old, berth] = [await startDistribution(), await start()];
    const content = new Content('halved/app');
    const child = content.image();
    content.tag('v1', content.index([child, content.image()]));
    await pushContent(old.url, content);
    const words = ['--from', old.url, '--to', berth.url];
    await wellCopied(words);
    await expectServed(berth.url, content);
    for (const reference of [child.digest, 'v1']) {
      const path = `${berth.url}/v2/${content.name}/manifests/${reference}`;
      expect((await fetch(path, { method: 'DELETE' })).status).toBe(202);
    }
    const { report } = await wellCopied(words);
    expect(report).toMatchObject({ tags: { copied: 1 }, manifests: { copied: 1 } });
    await expectServed(berth.url, content);
  });
});
