/** `npm start` with a policy: what it opens, what it closes, and the one line of a start that it ends. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { refusal, start } from './berths.ts';

const RULE = { name: 'open', subjects: ['anonymous'], repositories: ['open/**'], actions: ['pull', 'push'] };

function policyFile(rule: object): string {
  const directory = mkdtempSync(join(tmpdir(), 'berth-policy-'));
  onTestFinished(() => {
    rmSync(directory, { recursive: true });
  });
  const file = join(directory, 'policy.json');
  writeFileSync(file, JSON.stringify({ rules: [rule] }, null, 2));
  return file;
}

test('--policy says who may do what, also to programs on this machine', async () => {
  const berth = await start({ policy: policyFile(RULE) });
  const status = async (method: string, path: string) => (await fetch(`${berth.url}${path}`, { method })).status;
  expect(await status('POST', '/v2/open/app/blobs/uploads/')).toBe(202);
  expect(await status('POST', '/v2/other/app/blobs/uploads/')).toBe(401);
  expect(await status('DELETE', '/v2/open/app/manifests/latest')).toBe(401);
  expect(await status('GET', '/v2/')).toBe(401);
});

test('a rule for a network is warned of, and no header makes it allow anything', async () => {
  const file = policyFile({ ...RULE, when: { networks: ['0.0.0.0/0', '::/0'] } });
  const berth = await start({ policy: file, environment: { BERTH_ANONYMOUS: 'read-write' } });
  for (const header of ['CF-Connecting-IP', 'X-Forwarded-For', 'MF-CF-Blob']) {
    const value = header === 'MF-CF-Blob' ? '{"clientIp":"127.0.0.1"}' : '127.0.0.1';
    const answer = await fetch(`${berth.url}/v2/open/app/tags/list`, { headers: { [header]: value } });
    expect(answer.status, header).toBe(401);
  }
  await berth.stop();
  expect(berth.lines.map(({ event }) => event)).toEqual(expect.arrayContaining(['rule-ignored', 'setting-ignored']));
});

test('behind a trusted proxy the last entry of X-Forwarded-For counts', async () => {
  const file = policyFile({ ...RULE, when: { networks: ['192.0.2.0/24'] } });
  const berth = await start({ policy: file, environment: { BERTH_TRUSTED_PROXY: 'on' } });
  const from = async (addresses: string) =>
    (await fetch(`${berth.url}/v2/open/app/tags/list`, { headers: { 'X-Forwarded-For': addresses } })).status;
  expect(await from('10.0.0.1, 192.0.2.7')).toBe(404);
  expect(await from('192.0.2.7, 10.0.0.1')).toBe(401);
});

test('a mistake ends the start with code 2 and one line', async () => {
  const file = policyFile({ ...RULE, action: 'pull' });
  expect(await refusal({ policy: file })).toEqual({
    code: 2,
    said: [`policy ${file}: rules[0].action is not known here; docs/policy.md has every key`],
  });
});
