/** `npm start -- --htpasswd FILE`: who may sign in stands in a file, and a wrong line is said at the start. */
import { hashSync } from 'bcryptjs';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as v from 'valibot';
import { refusal, run } from '../berths.ts';

const PASSWORD = 'correct horse battery';
const HASH = hashSync(PASSWORD, 5);
/** As docs/access.md has it. */
const POLICY =
  '{ "rules": [{ "name": "everyone signed in", "subjects": ["authenticated"], "repositories": ["**"], "actions": ["*"] }] }';
const Serving = v.looseObject({ event: v.literal('serving'), url: v.string() });

let folder: string;
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-people-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const words = (...more: string[]): string[] => ['--port', '0', '--data', join(folder, 'data'), ...more];
const basic = (name: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`,
});

test('whoever stands in the file comes in with the password, on loopback too, and nobody else', async () => {
  const people = file('people', `# of the team\nalice:${HASH}\n`);
  const berth = run({ words: words('--htpasswd', people, '--policy', file('policy.json', POLICY)) });
  const { url } = v.parse(Serving, await berth.waitFor((line) => v.is(Serving, line), { limitMs: 90_000, from: 0 }));
  const base = (headers: Record<string, string> = {}) => fetch(`${url}/v2/`, { headers });
  const refused = await base();
  expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Basic realm="Berth"']);
  expect((await base(basic('alice', PASSWORD))).status).toBe(200);
  for (const headers of [basic('alice', 'wrong'), basic('bob', PASSWORD)])
    expect((await base(headers)).status).toBe(401);
  const opened = await fetch(`${url}/v2/alice/hello/blobs/uploads/`, {
    method: 'POST',
    headers: basic('alice', PASSWORD),
  });
  expect(opened.status).toBe(202);
  const said = berth.output.join('\n');
  for (const secret of [PASSWORD, HASH]) expect(said).not.toContain(secret);
});

test('a line that is not bcrypt ends the start with its number and name, and without what stands there', async () => {
  const people = file('wrong', `alice:${HASH}\nbob:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n`);
  const { code, said } = await refusal({ words: words('--htpasswd', people) });
  expect(code).toBe(2);
  expect(said.join('\n')).toContain(`htpasswd ${people} line 2 has a hash for bob that is not bcrypt's`);
  expect(said.join('\n')).not.toContain('W6ph5');
});

test('a cost above the setting ends the start by name', async () => {
  const people = file('slow', `alice:${HASH.replace('$05$', '$13$')}\n`);
  const { code, said } = await refusal({ words: words('--htpasswd', people) });
  expect(code).toBe(2);
  expect(said).toEqual([
    `htpasswd ${people} line 1 has a hash for alice of cost 13, where BERTH_HTPASSWD_MAX_COST allows 4 to 12`,
  ]);
  const wrong = await refusal({ words: words('--htpasswd', people), environment: { BERTH_HTPASSWD_MAX_COST: '15' } });
  expect(wrong.said.join('\n')).toMatch(/^BERTH_HTPASSWD_MAX_COST must/);
});
