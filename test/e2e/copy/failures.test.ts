/** Sources that lie or never end, registries that break, and what is left then: nothing that is wrong, and all that is right. */
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { start } from '../berths.ts';
import { Content, expectAllServed, expectServed, imageIn, oneOfEachKind, pushAll, pushContent } from './content.ts';
import { copy, startCopy, wellCopied } from './copying.ts';
import { HAS_DISTRIBUTION, startDistribution } from './distribution.ts';
import { answer, startFront, type Asked } from './front.ts';

describe.skipIf(!HAS_DISTRIBUTION)('what goes wrong', () => {
  test('a source that lies leaves nothing under the digest, is named, and all else is copied', async () => {
    const [old, berth] = [await startDistribution(), await start()];
    const contents = oneOfEachKind();
    const bad = new Content('lies/app');
    const [wrong, good] = [bad.blob(), bad.blob()];
    const [lied, honest] = [bad.image([wrong, good]), bad.image([good])];
    bad.tag('bad', bad.index([lied, honest])).tag('good', honest);
    const twisted = new Content('lies/manifest');
    const child = twisted.image();
    twisted.tag('v1', twisted.index([child]));
    await pushAll(old.url, [...contents, bad, twisted]);
    const front = await startFront(old.url, (asked) => {
      if (asked.path.endsWith(`/blobs/${wrong.digest}`)) return answer(asked, 200, {}, randomBytes(wrong.size));
      const manifest = twisted.manifests.get(child.digest);
      if (manifest === undefined || !asked.path.endsWith(child.digest) || asked.method !== 'GET') return false;
      return answer(
        asked,
        200,
        { 'content-type': manifest.mediaType },
        Buffer.concat([manifest.bytes, Buffer.from('\n')]),
      );
    });
    const { code, report, out } = await copy(['--from', front.url, '--to', berth.url]);
    expect(code).toBe(1);
    const reason = 'the source gave bytes of another digest';
    const failed = new Map(report.failed.map((item) => [item.name, item]));
    expect(failed.get(`lies/app@${wrong.digest}`)).toMatchObject({
      kind: 'blob',
      reason: `${reason}: they are not copied`,
    });
    expect(failed.get(`lies/manifest@${child.digest}`)).toMatchObject({ kind: 'manifest' });
    expect(failed.get(`lies/manifest@${child.digest}`)?.reason).toContain(reason);
    expect([...failed.keys()].filter((name) => !name.includes('@')).sort()).toEqual([
      'lies/app:bad',
      'lies/manifest:v1',
    ]);
    expect(out).toContain(`  tag lies/app:bad: it refers to ${lied.digest}, which is not copied: `);

    for (const path of [
      `lies/app/blobs/${wrong.digest}`,
      `lies/app/manifests/${lied.digest}`,
      `lies/app/manifests/bad`,
      `lies/manifest/manifests/${child.digest}`,
      `lies/manifest/manifests/v1`,
    ])
      expect((await fetch(`${berth.url}/v2/${path}`, { method: 'HEAD' })).status, path).toBe(404);
    const kept = new Content(bad.name);
    const manifest = bad.manifests.get(honest.digest);
    if (manifest !== undefined) kept.manifests.set(honest.digest, manifest);
    await expectAllServed(berth.url, [...contents, kept.tag('good', honest)]);
  });

  test('a manifest that Berth would refuse is named with what it would say, and ends nothing', async () => {
    const [old, berth] = [await startDistribution(), await start()];
    const content = imageIn('odd/app');
    await pushContent(old.url, content);
    const front = await startFront(old.url, (asked) => {
      if (asked.path === '/v2/odd/app/tags/list')
        return answer(asked, 200, {}, '{"tags":["v1","odd","gone","\\u001b[2J"]}');
      if (asked.path.endsWith('/manifests/gone')) return false;
      if (!asked.path.endsWith('/manifests/odd')) return false;
      return answer(
        asked,
        200,
        { 'content-type': 'application/vnd.oci.image.index.v1+json' },
        '{"schemaVersion":2,"layers":[],"manifests":[]}',
      );
    });
    const { code, report, out } = await copy(['--from', front.url, '--to', berth.url]);
    expect(code).toBe(1);
    const reasons = new Map(report.failed.map(({ name, reason }) => [name, reason]));
    expect(reasons.size).toBe(3);
    expect(reasons.get('odd/app:[2J')).toBe('it is no tag that a registry may have');
    expect(reasons.get('odd/app:gone')).toBe('the source lists it and does not have it');
    expect(reasons.get('odd/app:odd')).toContain('it is an image or an index, not both');
    expect(out).not.toContain('\u001b');
    await expectServed(berth.url, content);
  });

  test('redirections end, and so do lists', async () => {
    const [old, berth] = [await startDistribution(), await start()];
    const content = imageIn('circles/app');
    await pushContent(old.url, content);
    const front = await startFront(old.url, (asked) => {
      if (asked.path.includes('/blobs/')) return answer(asked, 302, { location: asked.path });
      if (!asked.path.endsWith('/_catalog')) return false;
      const link = `<${asked.query.has('last') ? '' : '/v2/_catalog?last=x&n=1000'}>; rel="next"`;
      return answer(
        asked,
        200,
        { link },
        JSON.stringify({ repositories: asked.query.has('last') ? [] : [content.name] }),
      );
    });
    const { code, report } = await copy(['--from', front.url, '--to', berth.url]);
    expect(code).toBe(1);
    const reasons = report.failed.map(({ reason }) => reason);
    expect(reasons).toContain('the source has a list that goes in circles');
    expect(reasons).toContain('the source redirects more than 5 times');
  });

  test('a list that goes on at another host ends there, and is told of', async () => {
    const [old, berth] = [await startDistribution(), await start()];
    const elsewhere = await startFront(old.url);
    const front = await startFront(
      old.url,
      (asked) =>
        asked.path.endsWith('/_catalog') &&
        answer(asked, 200, { link: `<${elsewhere.url}/v2/_catalog>; rel="next"` }, '{"repositories":[]}'),
    );
    const { code, report } = await copy(['--from', front.url, '--to', berth.url]);
    expect(code).toBe(1);
    expect(report.failed).toMatchObject([
      { kind: 'catalog', reason: 'the source: the Link to the next page points to another host, which is not asked' },
    ]);
    expect(elsewhere.passed).toEqual([]);
  });

  test('what fails for a while is tried again, and what fails for good is named', async () => {
    const [old, berth] = [await startDistribution(), await start()];
    const content = imageIn('flaky/app');
    await pushContent(old.url, content);
    const failures = new Map<string, number>();
    const flaky = (asked: Asked): boolean => {
      const key = `${asked.method} ${asked.path.replace(/uploads\/.+/, 'uploads/x')}`;
      const before = failures.get(key) ?? 0;
      failures.set(key, before + 1);
      if (before === 0) return answer(asked, 503, { 'retry-after': '0' });
      // A connection that breaks is no answer at all.
      if (before === 1) {
        asked.response.destroy();
        return true;
      }
      return false;
    };
    const [source, target] = [
      await startFront(old.url, (asked) => asked.path !== '/v2/' && flaky(asked)),
      await startFront(berth.url, (asked) => asked.path !== '/v2/' && flaky(asked)),
    ];
    await wellCopied(['--from', source.url, '--to', target.url]);
    await expectServed(berth.url, content);
  });

  test('neither side is asked for a byte when one of them is no registry', async () => {
    const berth = await start();
    const front = await startFront(berth.url, (asked) => answer(asked, 404, {}, '<html>'));
    const { code, out, errors } = await startCopy(['--from', front.url, '--to', berth.url]).ended;
    expect({ code, out, errors }).toEqual({
      code: 1,
      out: '',
      errors: 'Nothing was copied: the source answered GET /v2/ with 404.\n',
    });
    const typed = await startCopy(['--from', 'http://ann:secret@127.0.0.1:1', '--to', berth.url]).ended;
    expect(typed).toMatchObject({ code: 2, out: '' });
    expect(typed.errors.trim().split('\n')).toHaveLength(1);
    expect(typed.errors).not.toContain('secret');
  });
});
