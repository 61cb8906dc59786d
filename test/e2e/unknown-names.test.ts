/** Reading names that nobody pushed to leaves nothing behind: no object, no file, no open file. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { start } from './berths.ts';

const NAMES = 60;
const DIGEST = `sha256:${'a'.repeat(64)}`;

test('reading unknown repositories makes no database and opens no file', async () => {
  const berth = await start();
  const openFiles = (): number => readdirSync(`/proc/${String(berth.workerdPid)}/fd`).length;
  await fetch(`${berth.url}/v2/never/pushed/tags/list`);
  const before = openFiles();
  for (let index = 0; index < NAMES; index += 1) {
    const name = `${berth.url}/v2/never/pushed-${String(index)}`;
    const paths = ['tags/list', 'manifests/latest', `manifests/${DIGEST}`, `blobs/${DIGEST}`];
    const answers = await Promise.all(
      paths.flatMap((path) => ['GET', 'HEAD'].map((method) => fetch(`${name}/${path}`, { method }))),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 404));
    expect((await fetch(`${name}/referrers/${DIGEST}`)).status).toBe(200);
    await Promise.all(answers.map((answer) => answer.arrayBuffer()));
  }
  // Connections of this test's own come and go; an object would be three files.
  expect(openFiles() - before).toBeLessThan(NAMES);
  const objects = join(berth.data, 'state', 'do', 'berth-Repository');
  expect(readdirSync(objects).filter((name) => /^[0-9a-f]{64}\./.test(name))).toEqual([]);
});
