/** Who has the password: tells Berth that a receiver is well again, and asks what it knows where one was not told of all. */
import * as v from 'valibot';
import { exchange } from '../../e2e/crash/exchange.ts';
import type { UnstableBerth } from '../../e2e/crash/unstable-berth.ts';

const PASSWORD = 'the password of a campaign';
export const ADMINISTRATOR = { BERTH_ADMIN_PASSWORD: PASSWORD };
const AUTHORIZATION = `Basic ${Buffer.from(`admin:${PASSWORD}`).toString('base64')}`;

const Pinged = v.pipe(v.string(), v.parseJson(), v.object({ delivered: v.literal(true) }));
const Figures = v.pipe(v.string(), v.parseJson(), v.object({ figures: v.unknown() }));

/**
 * Ends the pauses of endpoints: chance makes them as long as it likes, so no wait that is worth its time is surely longer than
 * they are.
 */
export async function ping(berth: UnstableBerth, endpoints: readonly string[]): Promise<void> {
  for (const name of endpoints) {
    const answer = await ask(berth, 'POST', `/admin/endpoints/${name}/ping`);
    if (!v.safeParse(Pinged, answer).success) throw new Error(`the ping of ${name} was not delivered: ${answer}`);
  }
}

/** What Berth says of an endpoint, in one line. */
export async function figuresOf(berth: UnstableBerth, endpoint: string): Promise<string> {
  const { figures } = v.parse(Figures, await ask(berth, 'GET', `/admin/endpoints/${endpoint}`));
  return `${endpoint}: ${JSON.stringify(figures)}`;
}

/** What it sent to an endpoint. */
export function deliveriesOf(berth: UnstableBerth, endpoint: string): Promise<string> {
  return ask(berth, 'GET', `/admin/endpoints/${endpoint}/deliveries`);
}

async function ask(berth: UnstableBerth, method: 'GET' | 'POST', path: string): Promise<string> {
  const { url } = await berth.serving();
  const answer = await exchange(url, { method, path, headers: { authorization: AUTHORIZATION } });
  return answer.kind === 'answer' ? answer.body.toString() : answer.reason;
}
