/** The live stream of events and the end of the registry: who listens holds nothing up. */
import { once } from 'node:events';
import { Agent, get, IncomingMessage } from 'node:http';
import { finished } from 'node:stream/promises';
import * as v from 'valibot';
import { expect, it, onTestFinished } from 'vitest';
import { FOLLOW_WAIT_MS } from '../../../src/objects/event-log/following.ts';
import { start } from '../berths.ts';

const PASSWORD = 'a password of this test';

it('ends when the registry stops, which does not wait for its clients, whatever they asked for before', async () => {
  const berth = await start({ environment: { BERTH_EVENTS: 'on', BERTH_ADMIN_PASSWORD: PASSWORD } });
  const ask = async (path: string, agent: Agent): Promise<{ answer: IncomingMessage; isReused: boolean }> => {
    const asked = get(`${berth.url}${path}`, { agent, auth: `admin:${PASSWORD}` });
    const [answer] = v.parse(v.tuple([v.instance(IncomingMessage)]), await once(asked, 'response'));
    expect(answer.statusCode).toBe(200);
    return { answer, isReused: asked.reusedSocket };
  };
  const answers: IncomingMessage[] = [];
  for (const isUsed of [false, true]) {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => {
      agent.destroy();
    });
    if (isUsed) await once((await ask('/admin/events', agent)).answer.resume(), 'end');
    const { answer, isReused } = await ask('/admin/events/stream', agent);
    expect(isReused).toBe(isUsed);
    expect(String(await once(answer, 'data'))).toContain('retry: ');
    answers.push(answer);
  }
  const ended = Promise.allSettled(answers.map((answer) => finished(answer)));
  const begun = performance.now();
  await berth.stop();
  // Until their next heartbeat workerd would not hear that they are gone.
  expect(performance.now() - begun).toBeLessThan(FOLLOW_WAIT_MS);
  expect((await ended).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
});
