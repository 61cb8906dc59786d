/** Whether it is a registry, with the right time, that says how to sign in, and takes what we sign in with. */
import { isTransientStatus } from '../registry/retry.ts';
import { quoted } from '../registry/outcome.ts';
import { judgeClock } from './clock.ts';
import { PASSWORD_VARIABLE } from './arguments.ts';
import { judgeChallenge, judgeGreeting, type Greeting } from './greeting.ts';
import { failed, ok, skipped, type Verdict } from './verdict.ts';
import type { Visit } from './visit.ts';

const MOST_ANSWER_BYTES = 64 * 1024;
const SHOWN_CHARACTERS = 2_000;
const OK = 200;
const UNAUTHORIZED = 401;
const NOT_FOUND = 404;

/** The two that one answer tells. */
export interface Greeted {
  readonly registry: Verdict;
  readonly clock: Verdict;
}

export async function greet(visit: Visit): Promise<Greeted> {
  const { connections, url, signal } = visit;
  const asked = new Date();
  const sent = await connections.send({ method: 'GET', url: new URL('/v2/', url), headers: {}, signal });
  const answered = new Date();
  if (!sent.ok) {
    const advice =
      url.protocol === 'http:'
        ? `If it speaks TLS: npm run doctor -- https://${url.host}. Else look at the log of what listens there.`
        : 'Look at the log of what listens there.';
    return { registry: failed(sent.failure.reason, advice), clock: skipped('nothing answered') };
  }
  const answer = sent.value;
  const body = await answer.bytes(MOST_ANSWER_BYTES);
  const greeting: Greeting = {
    status: answer.status,
    version: answer.header('docker-distribution-api-version'),
    contentType: answer.header('content-type'),
    server: answer.header('server'),
    location: answer.header('location'),
    challenge: answer.header('www-authenticate'),
    text: body.ok ? body.value.toString('utf8').slice(0, SHOWN_CHARACTERS) : '',
  };
  visit.greeting = greeting;
  return { registry: judgeGreeting(url, greeting), clock: judgeClock(answer.header('date'), asked, answered) };
}

export async function checkChallenge({ url, greeting, connections, signal }: Visit): Promise<Verdict> {
  if (greeting === undefined) return skipped('nothing answered');
  const { verdict, realm } = judgeChallenge(url, greeting);
  if (realm === undefined) return verdict;
  // Whatever it says to somebody without an account: it is there.
  const sent = await connections.send({ method: 'GET', url: realm, headers: {}, signal });
  const advice = 'Have it reached under that address, from here and by all clients.';
  if (!sent.ok) return failed(`the token server ${realm.origin} can't be asked: ${sent.failure.reason}`, advice);
  const { status } = sent.value;
  sent.value.discard();
  if (status === NOT_FOUND || isTransientStatus(status))
    return failed(`the token server ${realm.origin} answers ${String(status)}`, advice);
  return verdict;
}

export async function checkSignIn(visit: Visit): Promise<Verdict> {
  const { settings, client, connections, url, signal, greeting } = visit;
  const { credentials } = settings;
  if (credentials === undefined)
    return skipped(`nobody was named: --username NAME, and the password in ${PASSWORD_VARIABLE}`);
  const { user, password } = credentials;
  const wrong =
    'Look at the name and the password; an account may be disabled, or the proxy in front ask for another one.';
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const byPassword = async (): Promise<number | undefined> => {
    const sent = await connections.send({
      method: 'GET',
      url: new URL('/v2/', url),
      headers: { authorization },
      signal,
    });
    if (!sent.ok) return undefined;
    sent.value.discard();
    return sent.value.status;
  };
  if (greeting?.status !== UNAUTHORIZED) {
    const status = await byPassword();
    return status === OK
      ? ok(`${quoted(user)} may ask`, 'So may everyone: whether this password is right is not known.')
      : failed(`${quoted(user)} is answered with ${String(status ?? 'nothing')}`, wrong);
  }
  const greeted = await client.greet({ mustLetIn: true });
  if (!greeted.ok) return failed(greeted.failure.reason, wrong);
  if (!/\bbearer\b/i.test(greeting.challenge ?? '')) return ok(`${quoted(user)} is let in, by the password`);
  return (await byPassword()) === OK
    ? ok(`${quoted(user)} is let in, by a token and by the password itself`)
    : ok(`${quoted(user)} is let in, by a token`);
}
