/** A Berth with people: by htpasswd, with an account, with a personal access token, and a robot. */
import { hashSync } from 'bcryptjs';
import * as v from 'valibot';
import { startBerth, type BerthProcess } from '../berth-process.ts';

const ADMIN_PASSWORD = 'an-administrator-of-these-tests';
const HTPASSWD_PASSWORD = 'correct horse battery';
/** What somebody hears who may not push to closed/. */
export const RULE_MESSAGE = 'closed/ is frozen for the release: ask the release team';

const POLICY = JSON.stringify({
  rules: [
    { name: 'team', subjects: ['authenticated'], repositories: ['team/**'], actions: ['*'] },
    {
      name: 'frozen',
      subjects: ['user:nobody'],
      repositories: ['closed/**'],
      actions: ['push'],
      message: RULE_MESSAGE,
    },
    // A client that may not even look asks with HEAD first, and hears no message.
    { name: 'frozen is there to be read', subjects: ['authenticated'], repositories: ['closed/**'], actions: ['pull'] },
    { name: 'public', subjects: ['anonymous'], repositories: ['public/**'], actions: ['pull'] },
    { name: 'publishers', subjects: ['authenticated'], repositories: ['public/**'], actions: ['push'] },
  ],
});

export interface Person {
  readonly name: string;
  readonly password: string;
}

/** Every way to sign in, by what is typed as the password. */
export const WAYS = ['htpasswd', 'password', 'token', 'robot'] as const;
type Way = (typeof WAYS)[number];

export interface RegistryWithPeople {
  readonly berth: BerthProcess;
  /** As it stands in the name of an image. */
  readonly host: string;
  readonly people: Readonly<Record<Way, Person>>;
}

/**
 * @param challenge `Bearer`: with BERTH_PUBLIC_URL, so that clients go to the token endpoint. `Basic`: without
 */
export async function startWithPeople(challenge: 'Basic' | 'Bearer'): Promise<RegistryWithPeople> {
  const environment = {
    BERTH_HTPASSWD: `hugo:${hashSync(HTPASSWD_PASSWORD, 5)}`,
    BERTH_ADMIN_PASSWORD: ADMIN_PASSWORD,
    BERTH_POLICY: POLICY,
  };
  let berth = await startBerth({ environment });
  if (challenge === 'Bearer') {
    // Its address is known once it has a port.
    await berth.stop();
    berth = await berth.startAgain({ environment: { ...environment, BERTH_PUBLIC_URL: berth.url } });
  }
  const admin = (path: string, body: object) => askAdmin(berth.url, path, body);
  const { password } = v.parse(WithPassword, await admin('/admin/accounts', { name: 'alice' }));
  const { token } = v.parse(WithToken, await admin('/admin/accounts/alice/tokens', { description: 'a laptop' }));
  const robot = v.parse(
    WithSecret,
    await admin('/admin/robots', { name: 'builder', repositories: ['team/**'], actions: ['pull', 'push'] }),
  );
  return {
    berth,
    host: `127.0.0.1:${String(berth.port)}`,
    people: {
      htpasswd: { name: 'hugo', password: HTPASSWD_PASSWORD },
      password: { name: 'alice', password },
      token: { name: 'alice', password: token },
      robot: { name: 'builder', password: robot.secret },
    },
  };
}

const WithPassword = v.object({ password: v.string() });
const WithToken = v.object({ token: v.string() });
const WithSecret = v.object({ secret: v.string() });

async function askAdmin(url: string, path: string, body: object): Promise<unknown> {
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_PASSWORD}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (response.status !== 201) throw new Error(`${path}: ${String(response.status)} ${text}`);
  return JSON.parse(text);
}
