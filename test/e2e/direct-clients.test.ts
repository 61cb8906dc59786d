/** BERTH_DIRECT_CLIENTS: who connects to `npm start` is the client, by whatever family of addresses. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { Agent, IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import * as v from 'valibot';
import { expect, onTestFinished, test } from 'vitest';
import { basic, PERSON, WITH_ONE_PERSON } from './access/one-person.ts';
import { start } from './berths.ts';
import type { BerthProcess } from './berth-process.ts';
import { makeScratch } from './clients/scratch.ts';
import { tcpSockets } from './tcp-sockets.ts';

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

test.skipIf(process.platform !== 'linux')(
  'nobody else on this machine passes for a client: not by a header, nor by its port at another address',
  async () => {
    const berth = await start({ host: '::', environment: { ...DIRECT, ...WITH_ONE_PERSON } });
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => {
      agent.destroy();
    });
    const client = request({ host: '::1', port: berth.port, path: TAGS, headers: basic(PERSON), agent }).end();
    const [answer] = v.parse(v.tuple([v.instance(IncomingMessage)]), await once(client, 'response'));
    await once(answer.resume(), 'end');
    const listening = tcpSockets([berth.workerdPid], 'listening');
    // Miniflare's own Worker, which would believe the header, has no port.
    expect(listening).toHaveLength(1);
    const [{ port: inner } = { port: 0 }] = listening;
    const [{ peer: own } = { peer: 0 }] = tcpSockets([berth.workerdPid], 'connected');
    const claim = { 'mf-cf-blob': JSON.stringify({ clientIp: `${V4}:${String(own)}` }) };
    for (const from of [{}, { localAddress: '127.0.0.2', localPort: own }]) {
      const forged = request({
        host: V4,
        port: inner,
        path: TAGS,
        headers: { ...basic(PERSON), ...claim },
        ...from,
      }).end();
      const [refused] = v.parse(v.tuple([v.instance(IncomingMessage)]), await once(forged, 'response'));
      expect([refused.statusCode, refused.headers['retry-after']]).toEqual([503, '1']);
      refused.destroy();
    }
  },
);

test('without it nobody knows where a client is', async () => {
  const berth = await start({ host: '::', environment: WITH_ONE_PERSON });
  const wrong = basic({ ...PERSON, password: 'another horse' });
  for (let guess = 0; guess <= GUESSES; guess += 1) expect(await status(berth, V4, wrong)).toBe(401);
});
