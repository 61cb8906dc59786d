/** What somebody who has signed in may try to get at a repository that is closed to them. Signing in itself: attacks.test.ts. */
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  demand,
  imageOf,
  pushed,
  putManifest,
  refusal,
  send,
  sendWith,
  sha256,
  textBytes,
  type Sent,
} from '../client.ts';
import { LogLines } from '../log-lines.ts';
import { newBlob, settle, type Blob } from '../world.ts';
import { basic, bearer, newAccount, SETTINGS, tokenFor, type Person } from './people.ts';

const RULES = [
  { name: 'team', subjects: ['authenticated'], repositories: ['team/**'], actions: ['*'] },
  { name: 'drop box', subjects: ['authenticated'], repositories: ['drop/**'], actions: ['push'] },
];
const settings = { ...SETTINGS, BERTH_POLICY: JSON.stringify({ rules: RULES }) };

let secret: Blob;
let secretDigest: string;
let alice: Person;
beforeAll(async () => {
  secret = await pushed('secret/app', await newBlob(100));
  secretDigest = await sha256(imageOf(secret));
  demand(await putManifest('secret/app', 'latest', imageOf(secret)), 201);
  alice = await newAccount('alice');
});
beforeEach(() => {
  new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
});

const as = (person: Person, method: string, path: string, sent: Sent = {}) =>
  sendWith(settings, method, path, { ...sent, headers: { ...basic(person), ...sent.headers } });

describe('a name that is spelt otherwise', () => {
  const SPELLINGS = [
    ...[
      'team/../secret/app',
      'team/%2e%2e/secret/app',
      'team/.%2e/secret/app',
      'team%2f..%2fsecret%2fapp',
      './secret/app',
    ],
    ...[
      'secret%2fapp',
      'secret%2Fapp',
      'secret//app',
      '/secret/app',
      'secret/./app',
      'SECRET/app',
      'secret/APP',
      '%73ecret/app',
    ],
    ...[
      'team/%252e%252e/secret/app',
      'team\\..\\secret\\app',
      'team/..%5csecret%5capp',
      'secret/app%00',
      'secret/app%20',
    ],
    ...[
      'team;/../secret/app',
      'team/app%3f/../../secret/app',
      'team%00/../secret/app',
      'secret/app;team/app',
      'secret/app%23',
    ],
    ...['ſecret/app', 'secret∕app', '%c5%bfecret/app', 'team/\u202e/../../secret/app'],
  ];
  const THINGS = (name: string) => [
    `/v2/${name}/manifests/latest`,
    `/v2/${name}/tags/list`,
    `/v2/${name}/blobs/${secret.digest}`,
    `/v2/${name}/referrers/${secretDigest}`,
  ];

  it('opens nothing of what is closed, by Basic and by a token for all that its owner may', async () => {
    const token = await tokenFor(alice, 'repository:team/app:pull,push repository:secret/app:pull', settings);
    for (const headers of [basic(alice), bearer(token)]) {
      for (const name of ['secret/app', ...SPELLINGS]) {
        for (const path of THINGS(name)) {
          const response = await sendWith(settings, 'GET', path, { headers });
          expect([400, 401, 403, 404], path).toContain(response.status);
          expect(await response.text(), path).not.toMatch(new RegExp(`${secret.digest}|"tags"|"manifests"`));
        }
      }
    }
  });

  it('is no way to write there either', async () => {
    for (const name of SPELLINGS) {
      const body = textBytes(imageOf(secret, { annotations: { by: 'alice' } }));
      const response = await as(alice, 'PUT', `/v2/${name}/manifests/latest`, { body });
      expect([400, 401, 403, 404], name).toContain(response.status);
      await response.body?.cancel();
    }
    const kept = await send('HEAD', '/v2/secret/app/manifests/latest');
    expect(kept.headers.get('docker-content-digest')).toBe(secretDigest);
  });
});

describe('the list of referrers', () => {
  it('of a closed repository is closed, and that of an open one has none of it, though they are of one digest', async () => {
    const subject = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: secretDigest, size: 500 };
    const referrer = imageOf(secret, { subject, annotations: { note: 'canary of a closed repository' } });
    demand(await putManifest('secret/app', await sha256(referrer), referrer), 201);
    await pushed('team/app', secret);
    demand(await putManifest('team/app', 'latest', imageOf(secret)), 201);
    const closed = await refusal(as(alice, 'GET', `/v2/secret/app/referrers/${secretDigest}`));
    expect(closed).toMatchObject({ status: 403, code: 'DENIED' });
    const open = demand(await as(alice, 'GET', `/v2/team/app/referrers/${secretDigest}`), 200);
    expect(await open.json()).toMatchObject({ manifests: [] });
  });
});

describe('a repository that somebody has made by pushing', () => {
  it('is theirs no more than a rule says (CVE-2025-4374)', async () => {
    const headers = { 'content-length': String(secret.bytes.byteLength) };
    const path = `/v2/drop/new/blobs/uploads/?digest=${secret.digest}`;
    demand(await as(alice, 'POST', path, { body: secret.bytes, headers }), 201);
    demand(await as(alice, 'PUT', '/v2/drop/new/manifests/v1', { body: textBytes(imageOf(secret)) }), 201);
    await settle();
    for (const [method, what] of [
      ['GET', 'manifests/v1'],
      ['GET', 'tags/list'],
      ['GET', `blobs/${secret.digest}`],
      ['DELETE', 'manifests/v1'],
    ] as const) {
      expect(await refusal(as(alice, method, `/v2/drop/new/${what}`)), what).toMatchObject({ status: 403 });
    }
    const listed = demand(await as(alice, 'GET', '/v2/_catalog'), 200);
    expect(await listed.text()).not.toContain('drop/new');
  });
});
