/** A registry of fifty repositories is moved: all of it arrives, byte for byte, also when the copy was killed in between. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { HELP } from '../../../tools/copy/arguments.ts';
import { start } from '../berths.ts';
import {
  Content,
  expectAllServed,
  expectServed,
  manyRepositories,
  oneOfEachKind,
  presentBlobs,
  pushAll,
  pushContent,
} from './content.ts';
import { copy, startCopy, wellCopied } from './copying.ts';
import { HAS_DISTRIBUTION, startDistribution } from './distribution.ts';
import { answer, puts, startFront, uploads, type Intercept } from './front.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const Failed = v.object({ code: v.number(), stdout: v.string(), stderr: v.string() });

/** Of about 180: well after the beginning and well before the end. */
const KILLED_AFTER_UPLOADS = 60;

test('npm run copy tells its options, and a mistake is one line and code 2', async () => {
  const npm = async (...words: readonly string[]): Promise<{ code: unknown; out: string; errors: string }> => {
    try {
      const { stdout, stderr } = await promisify(execFile)('npm', ['run', '--silent', 'copy', '--', ...words], {
        cwd: ROOT,
      });
      return { code: 0, out: stdout, errors: stderr };
    } catch (error) {
      const { code, stdout, stderr } = v.parse(Failed, error);
      return { code, out: stdout, errors: stderr };
    }
  };
  expect(await npm('--help')).toEqual({ code: 0, out: `${HELP}\n`, errors: '' });
  expect(await npm('--from', 'old:5000')).toEqual({
    code: 2,
    out: '',
    errors: '--from "old:5000" is no address of a registry, such as http://old:5000.\n',
  });
});

describe.skipIf(!HAS_DISTRIBUTION)('a whole registry', () => {
  test('arrives byte for byte when the copy is killed in the middle and run again, and nothing is sent twice', async () => {
    const [old, berth] = [await startDistribution(), await start()];
    const contents = manyRepositories();
    await pushAll(old.url, contents);

    let isKilled = false;
    let stored = 0;
    const reached = Promise.withResolvers<undefined>();
    // From then on nobody gets an answer any more, so that the copy is in the middle for sure.
    const front = await startFront(berth.url, ({ method, path }) => {
      if (method === 'PUT' && path.includes('/blobs/uploads/')) stored += 1;
      if (stored <= KILLED_AFTER_UPLOADS || isKilled) return false;
      reached.resolve(undefined);
      return true;
    });
    const words = ['--from', old.url, '--to', front.url];
    const killed = startCopy(words);
    await reached.promise;
    killed.signal('SIGKILL');
    expect((await killed.ended).code).toBeNull();
    isKilled = true;

    const before = await presentBlobs(berth.url, contents);
    expect(before.size).toBeGreaterThan(KILLED_AFTER_UPLOADS / 2);
    const first = front.passed.length;
    const { report, out } = await wellCopied(words);
    const sent = uploads(front.passed.slice(first));
    expect(sent.filter((name) => before.has(name))).toEqual([]);
    const all = contents.flatMap(({ name, blobs }) => [...blobs.keys()].map((digest) => `${name}@${digest}`));
    expect([...before, ...sent].sort()).toEqual(all.sort());
    expect(report.blobs.copied + report.blobs.mounted).toBe(sent.length);
    expect(report.repositories).toBe(contents.length);
    expect(out).toMatch(/^Copied \d+ tags, \d+ manifests and \d+ blobs .* of 50 repositories\. There already: /);
    await expectAllServed(berth.url, contents);

    // What is there is passed quickly: two questions for each tag, and nothing is sent.
    const second = front.passed.length;
    const again = await wellCopied(words);
    const tags = contents.reduce((sum, content) => sum + content.tags.size, 0);
    expect(again.report.tags).toEqual({ copied: 0, skipped: tags });
    expect(again.report.bytes).toEqual({ copied: 0, skipped: 0, mounted: 0 });
    expect(front.passed.slice(second).map(({ method }) => method)).toEqual([
      'GET',
      ...Array.from({ length: tags }, () => 'HEAD'),
    ]);
  });

  test('is pushed from the leaves up: no manifest comes before its children, and no tag before its manifest', async () => {
    const [old, berth] = [await startDistribution(), await start()];
    const contents = oneOfEachKind();
    await pushAll(old.url, contents);
    const front = await startFront(berth.url);
    const { report } = await wellCopied(['--from', old.url, '--to', front.url, '--parallel', '16']);
    expect(report.blobs.foreign).toBe(1);
    const stored = puts(front.passed);
    expect(new Set(stored).size).toBe(stored.length);
    for (const { name, manifests, tags } of contents) {
      const place = (reference: string): number => stored.indexOf(`${name}@${reference}`);
      for (const [digest, { parts }] of manifests) {
        expect(place(digest)).toBeGreaterThanOrEqual(0);
        for (const part of parts) expect(place(part)).toBeLessThan(place(digest));
      }
      for (const [tag, digest] of tags) expect(place(digest)).toBeLessThan(place(tag));
    }
  });

  test('comes page by page, two names at a time', async () => {
    const [old, berth] = [await startDistribution(), await start()];
    const contents = Array.from({ length: 7 }, (_, number) => {
      const content = new Content(`paged/app-${number}`);
      const image = content.image();
      for (let tag = 0; tag < 5; tag += 1) content.tag(`v${tag}`, image);
      return content;
    });
    await pushAll(old.url, contents);
    const shortPages: Intercept = ({ path, query }) => {
      if (!path.endsWith('/_catalog') && !path.endsWith('/tags/list')) return false;
      query.set('n', '2');
      return `${path}?${query.toString()}`;
    };
    const front = await startFront(old.url, shortPages);
    const { report } = await wellCopied(['--from', front.url, '--to', berth.url]);
    expect(report).toMatchObject({ repositories: 7, tags: { copied: 35, skipped: 0 } });
    expect(front.passed.filter(({ path }) => path === '/v2/_catalog')).toHaveLength(4);
    await expectAllServed(berth.url, contents);
  });

  test('can be looked at before: a dry run sends nothing and counts the same', async () => {
    const [old, berth] = [await startDistribution(), await start()];
    const contents = oneOfEachKind();
    await pushAll(old.url, contents);
    const front = await startFront(berth.url);
    const words = ['--from', old.url, '--to', front.url];
    const dry = await wellCopied([...words, '--dry-run']);
    expect(new Set(front.passed.map(({ method }) => method))).toEqual(new Set(['GET', 'HEAD']));
    for (const { name, tags } of contents)
      for (const [tag, digest] of tags) expect(dry.out).toContain(`would copy ${name}:${tag} (${digest})\n`);
    const { report } = await wellCopied(words);
    expect({ ...dry.report, blobs: undefined, bytes: undefined }).toEqual({
      ...report,
      dryRun: true,
      blobs: undefined,
      bytes: undefined,
    });
  });

  test('ends with what was done so far when it is stopped', async () => {
    const [old, berth] = [await startDistribution(), await start()];
    const content = new Content('stopped');
    content.tag('v1', content.image()).tag('v2', content.image());
    await pushContent(old.url, content);
    const reached = Promise.withResolvers<undefined>();
    // The second tag's manifest is never answered.
    let manifests = 0;
    const front = await startFront(berth.url, ({ method, path }) => {
      if (method !== 'PUT' || !path.includes('/manifests/')) return false;
      manifests += 1;
      if (manifests <= 2) return false;
      reached.resolve(undefined);
      return true;
    });
    const running = startCopy(['--from', old.url, '--to', front.url, '--parallel', '1']);
    await reached.promise;
    running.signal('SIGINT');
    const { code, out } = await running.ended;
    expect(code).toBe(130);
    expect(out).toContain('Copied 1 tag, 1 manifest');
    expect(out).toContain('Stopped before it was done. Run it again: it goes on where it was.');
    expect(out).not.toContain('Not copied');
  });

  test('without a catalog is told how to be named, and is copied by its names', async () => {
    const [berth, other] = [await start(), await startDistribution()];
    const content = new Content('named/app');
    content.tag('v1', content.image());
    await pushContent(berth.url, content);
    const front = await startFront(berth.url, (asked) => asked.path === '/v2/_catalog' && answer(asked, 404, {}));
    const { code, report } = await copy(['--from', front.url, '--to', other.url]);
    expect(code).toBe(1);
    expect(report.failed).toMatchObject([{ kind: 'catalog', name: 'the list of repositories' }]);
    expect(report.failed[0]?.reason).toContain('name them with --repository NAME or --repositories FILE');
    await wellCopied(['--from', front.url, '--to', other.url, '--repository', 'named/app']);
    await expectServed(other.url, content);
    const missing = await copy(['--from', front.url, '--to', other.url, '--repository', 'named/no']);
    expect(missing.report.failed).toMatchObject([{ kind: 'repository', name: 'named/no' }]);
  });
});
