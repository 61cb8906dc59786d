/** A registry with people: by htpasswd, and by accounts. What they send, and what the token endpoint answers. */
import { hashSync } from 'bcryptjs';
import { env } from 'cloudflare:workers';
import * as v from 'valibot';
import { formatSecret, hashOf, SECRET_RANDOM_BYTES, type SecretKind } from '../../../src/auth/secret.ts';
import type { Limit } from '../../../src/auth/principal.ts';
import { KNOWN } from '../../../src/http/access/known.ts';
import { sendWith, type Sent, type Settings } from '../client.ts';

export const PUBLIC_URL = 'https://registry.example';
export const SERVICE = 'registry.example';

export const HUGO = { name: 'hugo', password: 'correct horse battery' };
export const HTPASSWD = `${HUGO.name}:${hashSync(HUGO.password, 4)}`;

/** Everybody who has signed in may use team/, each their own names, and anybody may pull what is public. */
const POLICY = JSON.stringify({
  rules: [
    { name: 'team', subjects: ['authenticated'], repositories: ['team/**'], actions: ['*'] },
    { name: 'own', subjects: ['authenticated'], repositories: ['{user}/**'], actions: ['*'] },
    { name: 'public', subjects: ['anonymous'], repositories: ['public/**'], actions: ['pull'] },
  ],
});

export const SETTINGS = {
  BERTH_ANONYMOUS: 'none',
  BERTH_PUBLIC_URL: PUBLIC_URL,
  BERTH_HTPASSWD: HTPASSWD,
  BERTH_POLICY: POLICY,
} as const satisfies Settings;

/** Without a public URL the challenge is Basic, and there are no tokens. */
export const BASIC_SETTINGS: Settings = { ...SETTINGS, BERTH_PUBLIC_URL: undefined };

export interface Person {
  readonly name: string;
  readonly password: string;
}

export function basic({ name, password }: Person): Record<string, string> {
  const bytes = new TextEncoder().encode(`${name}:${password}`);
  return { authorization: `Basic ${btoa(String.fromCharCode(...bytes))}` };
}

export function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

export function accounts() {
  return env.ACCOUNTS.get(env.ACCOUNTS.idFromName('accounts'));
}

export function newSecret(kind: SecretKind): string {
  return formatSecret(kind, crypto.getRandomValues(new Uint8Array(SECRET_RANDOM_BYTES)));
}

/** An account with a password that Berth made. */
export async function newAccount(name: string, groups: readonly string[] = []): Promise<Person> {
  const password = newSecret('password');
  const { result } = await accounts().createAccount({
    name,
    groups: [...groups],
    isAdministrator: false,
    secretHash: hashOf(password),
  });
  if (result.kind !== 'created') throw new Error(result.kind);
  KNOWN.forget();
  return { name, password };
}

/** A personal access token. */
export async function newToken(
  owner: string,
  { limit, expiresAt }: { limit?: Limit; expiresAt?: number } = {},
): Promise<Person & { readonly id: string }> {
  const password = newSecret('token');
  const { result } = await accounts().makeToken({
    owner,
    description: 'a test',
    limit,
    opensAdmin: false,
    secretHash: hashOf(password),
    expiresAt,
    madeWith: undefined,
  });
  if (result.kind !== 'made') throw new Error(result.kind);
  return { name: owner, password, id: result.token.id };
}

export async function newRobot(name: string, limit: Limit): Promise<Person> {
  const password = newSecret('robot');
  const { result } = await accounts().createRobot({
    name,
    description: 'a test',
    limit,
    secretHash: hashOf(password),
    expiresAt: undefined,
  });
  if (result.kind !== 'created') throw new Error(result.kind);
  KNOWN.forget();
  return { name, password };
}

const TokenAnswer = v.strictObject({
  token: v.string(),
  access_token: v.string(),
  expires_in: v.number(),
  issued_at: v.string(),
  scope: v.string(),
  refresh_token: v.optional(v.string()),
});
export type TokenAnswer = v.InferOutput<typeof TokenAnswer>;

/** `GET /token` with these parameters. */
export function getToken(query: string, headers: Record<string, string> = {}, settings: Settings = SETTINGS) {
  return sendWith(settings, 'GET', `/token?${query}`, { headers });
}

export function postToken(form: Record<string, string>, settings: Settings = SETTINGS, sent: Sent = {}) {
  return sendWith(settings, 'POST', '/token', {
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(form).toString(),
    ...sent,
  });
}

export async function answerOf(pending: Response | Promise<Response>): Promise<TokenAnswer> {
  const response = await pending;
  if (response.status !== 200) throw new Error(`${String(response.status)}: ${await response.text()}`);
  return v.parse(TokenAnswer, await response.json());
}

/** A token for these scopes. */
export async function tokenFor(
  person: Person | undefined,
  scope: string,
  settings: Settings = SETTINGS,
): Promise<string> {
  const query = new URLSearchParams({ service: SERVICE, scope }).toString();
  return (await answerOf(getToken(query, person === undefined ? {} : basic(person), settings))).token;
}

/** A refresh token, as `docker login` gets it. */
export async function refreshTokenOf(person: Person): Promise<string> {
  const { refresh_token: token } = await answerOf(getToken(`service=${SERVICE}&offline_token=true`, basic(person)));
  if (token === undefined) throw new Error('no refresh token');
  return token;
}
