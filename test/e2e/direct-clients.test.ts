/** BERTH_DIRECT_CLIENTS: who connects to `npm start` is the client, by whatever family of addresses. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { basic, PERSON, WITH_ONE_PERSON } from './access/one-person.ts';
import { start } from './berths.ts';
import type { BerthProcess } from './berth-process.ts';
import { makeScratch } from './clients/scratch.ts';

const DIRECT = { BERTH_DIRECT_CLIENTS: 'on' };
/** Of a name that is there for nobody. */
const TAGS = '/v2/open/app/tags/list';
const [V4, V6] = ['127.0.0.1', '[::1]'];
/** For one name from one network, in a minute. */
const GUESSES = 10;

async function status(berth: BerthProcess, host: string, headers: Readonly<Record<string, string>> = {}) {
  const answer = await fetch(`http://${host}:${String(berth.port)}${TAGS}`, { headers });
  await answer.arrayBuffer();
  return answer.status;
}

test('a rule that names a network is for those who connect from it, whatever a header says', async () => {
  const scratch = makeScratch();
  onTestFinished(() => scratch.remove());
  const rule = { name: 'own', subjects: ['anonymous'], repositories: ['open/**'], actions: ['pull'] };
  const policy = join(scratch.path, 'policy.json');
  writeFileSync(policy, JSON.stringify({ rules: [{ ...rule, when: { networks: ['::1/128'] } }] }));
  const berth = await start({ host: '::', policy, environment: DIRECT });
  expect(await status(berth, V6)).toBe(404);
  expect(await status(berth, V6, { 'x-forwarded-for': V4 })).toBe(404);
  expect(await status(berth, V4)).toBe(401);
  for (const header of ['x-forwarded-for', 'cf-connecting-ip', 'forwarded', 'mf-cf-blob'])
    expect(await status(berth, V4, { [header]: header === 'mf-cf-blob' ? '{"clientIp":"[::1]:1"}' : '::1' })).toBe(401);
  expect(berth.lines.map(({ event }) => event)).not.toContain('rule-ignored');
});

test('who guesses waits, and nobody does who connects from elsewhere', async () => {
  const berth = await start({ host: '::', environment: { ...DIRECT, ...WITH_ONE_PERSON } });
  const right = basic(PERSON);
  const wrong = basic({ ...PERSON, password: 'another horse' });
  expect(await status(berth, V4, wrong)).toBe(401);
  for (let guess = 1; guess < GUESSES; guess += 1) await status(berth, V4, wrong);
  expect(await status(berth, V4, right)).toBe(429);
  expect(await status(berth, V6, right)).toBe(404);
});

test('without it nobody knows where a client is', async () => {
  const berth = await start({ host: '::', environment: WITH_ONE_PERSON });
  const wrong = basic({ ...PERSON, password: 'another horse' });
  for (let guess = 0; guess <= GUESSES; guess += 1) expect(await status(berth, V4, wrong)).toBe(401);
});
