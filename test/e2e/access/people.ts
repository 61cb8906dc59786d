/**
 * A Berth with people: by htpasswd, with an account, with personal access tokens, and a robot. Clients know it by its
 * recorder's address, which is its BERTH_PUBLIC_URL where it has one.
 */
import { DatabaseSync } from 'node:sqlite';
import * as v from 'valibot';
import { startBerth, type BerthProcess } from '../berth-process.ts';
import type { Credentials, Password, RefreshToken } from '../clients/client.ts';
import { startRecorder, type WireRecorder } from '../clients/wire-recorder.ts';
import { storeFiles } from '../maintenance/tools.ts';
import { htpasswdLine, PERSON } from './one-person.ts';

const ADMIN_PASSWORD = 'an-administrator-of-these-tests';
/** What somebody hears who may not push to closed/. */
export const RULE_MESSAGE = 'closed/ is frozen for the release: ask the release team';

const POLICY = JSON.stringify({
  rules: [
    { name: 'team', subjects: ['authenticated'], repositories: ['team/**'], actions: ['*'] },
    { name: 'own', subjects: ['authenticated'], repositories: ['{user}/**'], actions: ['*'] },
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

/** Ways to sign in that every registry of people has. */
const PASSWORDS = ['htpasswd', 'token', 'robot'] as const;
type People = Readonly<Record<(typeof PASSWORDS)[number], Password>>;

export type Challenge = 'Basic' | 'Bearer';
type Way = (typeof PASSWORDS)[number] | 'refresh token';
/** What is signed in with. A refresh token is for a token endpoint alone, and Basic takes all secrets of Berth's alike. */
export const WAYS: Readonly<Record<Challenge, readonly Way[]>> = {
  Basic: ['htpasswd', 'token'],
  Bearer: [...PASSWORDS, 'refresh token'],
};

export interface RegistryWithPeople {
  /** As it stands in the name of an image. */
  readonly host: string;
  readonly recorder: WireRecorder;
  /** `htpasswd` is hugo's, `token` is alice's. */
  readonly people: People;
  credentials(way: Way): Promise<Credentials>;
  /** A personal access token of alice's that is still good. */
  newToken(): Promise<Password>;
  /** Ends the registry, has every personal access token be past its time, and starts again. */
  expireTokens(): Promise<void>;
  discard(): Promise<void>;
}

/**
 * @param challenge `Bearer`: with BERTH_PUBLIC_URL, so that clients go to the token endpoint. `Basic`: without
 * @param environment what else it starts with
 */
export async function startWithPeople(
  challenge: Challenge,
  environment: Readonly<Record<string, string>> = {},
): Promise<RegistryWithPeople> {
  const running: { berth?: BerthProcess } = {};
  const recorder = await startRecorder(() => running.berth?.url ?? '');
  const { host } = recorder;
  let berth = await startBerth({
    environment: {
      ...environment,
      BERTH_HTPASSWD: htpasswdLine(PERSON),
      BERTH_ADMIN_PASSWORD: ADMIN_PASSWORD,
      BERTH_POLICY: POLICY,
      ...(challenge === 'Bearer' ? { BERTH_PUBLIC_URL: `http://${host}` } : {}),
    },
  });
  running.berth = berth;
  const { url } = berth;
  const { password } = v.parse(WithPassword, await askAdmin(url, '/admin/accounts', { name: 'alice' }));
  const robot = v.parse(
    WithSecret,
    await askAdmin(url, '/admin/robots', { name: 'builder', repositories: ['team/**'], actions: ['pull', 'push'] }),
  );
  const newToken = async (): Promise<Password> => {
    const made = await askAdmin(url, '/admin/accounts/alice/tokens', { description: 'a laptop' });
    return { kind: 'password', name: 'alice', password: v.parse(WithToken, made).token };
  };
  const people: People = {
    htpasswd: PERSON,
    token: await newToken(),
    robot: { kind: 'password', name: 'builder', password: robot.secret },
  };
  return {
    host,
    recorder,
    people,
    credentials: (way) =>
      way === 'refresh token'
        ? refreshToken(url, host, { kind: 'password', name: 'alice', password })
        : Promise.resolve(people[way]),
    newToken,
    async expireTokens() {
      await berth.stop();
      for (const file of storeFiles(berth.data, 'Accounts')) {
        using database = new DatabaseSync(file);
        database.exec("UPDATE credentials SET expires_at = 1 WHERE kind = 'token'");
      }
      berth = await berth.startAgain();
      running.berth = berth;
    },
    async discard() {
      await recorder.stop();
      await berth.discard();
    },
  };
}

const WithPassword = v.object({ password: v.string() });
const WithToken = v.object({ token: v.string() });
const WithSecret = v.object({ secret: v.string() });
const WithRefreshToken = v.object({ refresh_token: v.string() });

async function askAdmin(url: string, path: string, body: object): Promise<unknown> {
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_PASSWORD}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return jsonOf(path, response, 201);
}

/** As docker's login gets one (distribution, "OAuth2 Token Specification"). */
async function refreshToken(url: string, service: string, { name, password }: Password): Promise<RefreshToken> {
  const body = new URLSearchParams({
    ...{ grant_type: 'password', access_type: 'offline', client_id: 'a-test' },
    ...{ service, username: name, password },
  });
  const answer = await jsonOf('/token', await fetch(`${url}/token`, { method: 'POST', body }), 200);
  return { kind: 'refresh-token', name, token: v.parse(WithRefreshToken, answer).refresh_token };
}

async function jsonOf(path: string, response: Response, status: number): Promise<unknown> {
  const text = await response.text();
  if (response.status !== status) throw new Error(`${path}: ${String(response.status)} ${text}`);
  return JSON.parse(text);
}
