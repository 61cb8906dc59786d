/** What the bench of access compares: a Berth that asks nobody, one with people and a policy, and the ways to come to it. */
import { randomBytes } from 'node:crypto';
import { hashSync } from 'bcryptjs';
import * as v from 'valibot';
import { ask, layerOf, MANIFEST_TYPE, manifestOf, manifestPath } from '../registry-client.ts';
import { timedCalls } from '../timing.ts';
import { berthKind } from './kinds.ts';
import type { Server, ServerKind } from './server.ts';

export const PRIVATE = 'team/app';
export const PUBLIC = 'public/app';
/** One for each connection: who asks for the same thing at the same time shares a call to its object, now more, now less. */
export const TAGS: readonly string[] = Array.from({ length: 64 }, (_, index) => `tag-${String(index)}`);
/** What `htpasswd -B` makes. Its cost is paid once and not measured. */
const HTPASSWD_COST = 5;
const BLOB_BYTES = 4_096;
const KNOWN_LIMIT = 0.8;
const PUBLIC_LIMIT = 0.97;

const ADMIN_PASSWORD = `berth_admin_${'0123456789abcdef'.repeat(2)}`;
const HUGO = { name: 'hugo', password: 'correct horse battery' };
/** Rules that come before, as a registry of several teams has them. */
const OTHERS = Array.from({ length: 20 }, (_, index) => ({
  name: `team ${String(index)}`,
  subjects: [`group:team-${String(index)}`],
  repositories: [`team-${String(index)}/**`],
  actions: ['pull', 'push'],
}));
const POLICY = JSON.stringify({
  rules: [
    ...OTHERS,
    { name: 'team', subjects: ['authenticated'], repositories: ['team/**', 'public/**'], actions: ['*'] },
    { name: 'public', subjects: ['anonymous'], repositories: ['public/**'], actions: ['pull'] },
  ],
});

export const OPEN_KIND: ServerKind = { ...berthKind({ BERTH_ANONYMOUS: 'read' }), name: 'open' };

/** Its address, at which it makes tokens, is known once it has a port. */
export const PEOPLE_KIND: ServerKind = {
  ...berthKind(),
  name: 'people',
  command: (folder, port) =>
    berthKind({
      BERTH_PUBLIC_URL: `http://127.0.0.1:${String(port)}`,
      BERTH_HTPASSWD: `${HUGO.name}:${hashSync(HUGO.password, HTPASSWD_COST)}`,
      BERTH_ADMIN_PASSWORD: ADMIN_PASSWORD,
      BERTH_POLICY: POLICY,
    }).command(folder, port),
};

/** How a client comes. */
export interface Way {
  readonly name: string;
  readonly repository: string;
  /** What its rate has to be at least, as a multiple of that of a registry that asks nobody. */
  readonly limit: number;
  /** The header to send; asked for before each run. */
  readonly credentials: () => Promise<string | undefined>;
}

export async function waysOf({ port }: Server): Promise<Way[]> {
  const url = `http://127.0.0.1:${String(port)}`;
  await posted(`${url}/admin/accounts`, { name: 'alice' });
  const { token } = v.parse(WithToken, await posted(`${url}/admin/accounts/alice/tokens`, {}));
  const asAlice = basic('alice', token);
  const fresh = async (): Promise<string> => {
    const query = `service=127.0.0.1:${String(port)}&scope=repository:${PRIVATE}:pull`;
    const response = await fetch(`${url}/token?${query}`, { headers: { authorization: asAlice } });
    return `Bearer ${v.parse(WithToken, await response.json()).token}`;
  };
  const always = (header: string | undefined) => () => Promise.resolve(header);
  return [
    { name: 'with a token', repository: PRIVATE, limit: KNOWN_LIMIT, credentials: fresh },
    { name: 'with a personal access token', repository: PRIVATE, limit: KNOWN_LIMIT, credentials: always(asAlice) },
    {
      ...{ name: 'with an htpasswd password', repository: PRIVATE, limit: KNOWN_LIMIT },
      credentials: always(basic(HUGO.name, HUGO.password)),
    },
    { name: 'of what is public', repository: PUBLIC, limit: PUBLIC_LIMIT, credentials: always(undefined) },
  ];
}

/** An image under all tags; credentials do no harm where nobody asks for them. */
export async function pushTagged({ port }: Server, repository: string): Promise<void> {
  const headers = { authorization: basic(HUGO.name, HUGO.password) };
  const [config, layer] = [layerOf(randomBytes(BLOB_BYTES)), layerOf(randomBytes(BLOB_BYTES))];
  await timedCalls(port, async (connection) => {
    for (const { bytes, digest } of [config, layer]) {
      const path = `/v2/${repository}/blobs/uploads/?digest=${digest}`;
      await ask(connection, 201, { method: 'POST', path, headers, body: bytes });
    }
    for (const tag of TAGS) {
      await ask(connection, 201, {
        method: 'PUT',
        path: manifestPath(repository, tag),
        headers: { ...headers, 'content-type': MANIFEST_TYPE },
        body: manifestOf(config, [layer]),
      });
    }
  });
}

const WithToken = v.object({ token: v.string() });

async function posted(url: string, body: object): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_PASSWORD}` },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (response.status !== 201) throw new Error(`${url}: ${String(response.status)} ${text}`);
  return JSON.parse(text);
}

function basic(name: string, password: string): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
}
