/** A policy and those who signed in: what each may do by which credential, and whose uploads are whose. */
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ROUTES, type Method, type Route } from '../../../src/http/routes.ts';
import { demand, imageOf, pushedTo, refusal, sendWith, type Sent, sha256, textBytes } from '../client.ts';
import { LogLines } from '../log-lines.ts';
import { newBlob, type Blob } from '../world.ts';
import { basic, bearer, HUGO, newAccount, newRobot, newToken, SETTINGS, tokenFor, type Person } from './people.ts';

const RULES = [
  { name: 'homes', subjects: ['authenticated'], repositories: ['{user}/**'], actions: ['*'] },
  { name: 'public', subjects: ['anonymous'], repositories: ['public/**'], actions: ['pull'] },
  {
    ...{ name: 'developers', subjects: ['group:devs'], repositories: ['shop/**'], actions: ['pull', 'push'] },
    message: 'Ask #platform for the group devs.',
  },
  {
    ...{ name: 'releases', subjects: ['robot:releaser', 'group:devs'], repositories: ['release/**'] },
    ...{ actions: ['pull', 'push', 'delete'], overwrite: false, mutableTags: ['edge'] },
  },
  { name: 'managers', subjects: ['group:managers'], repositories: ['release/**'], actions: ['*'] },
];
const settings = { ...SETTINGS, BERTH_POLICY: JSON.stringify({ rules: RULES }) };

let log: LogLines;
let blob: Blob;
let dev: Person;
let manager: Person;
let releaser: Person;
let namesake: Person;
beforeAll(async () => {
  blob = await newBlob(200);
  await pushedTo(['shop/app', 'public/app', 'secret/app', 'release/app', 'hugo/app'], blob);
  dev = await newAccount('dora', ['devs']);
  manager = await newAccount('max', ['managers']);
  const everything = { repositories: ['**'], actions: ['pull', 'push', 'delete'] } as const;
  releaser = await newRobot('releaser', everything);
  // Named as a person is.
  namesake = await newRobot('hugo', everything);
});
beforeEach(() => {
  log = new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
});

const as = (who: Person | undefined, method: string, path: string, sent: Sent = {}) =>
  sendWith(settings, method, path, { ...sent, headers: { ...sent.headers, ...(who === undefined ? {} : basic(who)) } });
const statusOf = async (pending: Promise<Response>) => {
  const response = await pending;
  await response.body?.cancel();
  return response.status;
};

describe('somebody who signed in and whom the policy refuses', () => {
  it('gets 403 with the words of the closest rule, whether or not there is such a repository', async () => {
    for (const name of ['shop/app', 'shop/none']) {
      expect(await refusal(as(HUGO, 'POST', `/v2/${name}/blobs/uploads/`))).toMatchObject({
        ...{ status: 403, code: 'DENIED', message: 'Ask #platform for the group devs.' },
      });
      expect(log.requests.at(-1)).toMatchObject({ refusedBy: 'developers', storeOperations: 0 });
    }
  });

  it('is told what to ask for where no rule says anything', async () => {
    expect(await refusal(as(HUGO, 'GET', '/v2/secret/app/tags/list'))).toMatchObject({
      ...{ status: 403, code: 'DENIED' },
      message:
        'user:hugo may not pull from secret/app. Whoever runs this registry can add a rule to its policy that lets user:hugo pull there.',
    });
  });

  it('is asked to sign in where that was not done', async () => {
    expect(await statusOf(as(undefined, 'GET', '/v2/secret/app/tags/list'))).toBe(401);
  });

  it('pulls what is open to everybody', async () => {
    for (const who of [HUGO, dev, releaser, undefined])
      expect(await statusOf(as(who, 'GET', '/v2/public/app/manifests/latest'))).toBe(200);
  });
});

describe('{user}', () => {
  it('is the person who asks, and no robot of that name', async () => {
    expect(await statusOf(as(HUGO, 'GET', '/v2/hugo/app/manifests/latest'))).toBe(200);
    expect(await statusOf(as(dev, 'GET', '/v2/hugo/app/manifests/latest'))).toBe(403);
    expect(await statusOf(as(namesake, 'GET', '/v2/hugo/app/manifests/latest'))).toBe(403);
  });
});

describe('an upload (CVE-2026-32589)', () => {
  it('is its own person’s, by each of their credentials, and unknown to everybody else who may push there', async () => {
    const other = await newAccount('olga', ['devs']);
    const token = await newToken('dora');
    const opened = demand(await as(dev, 'POST', '/v2/shop/app/blobs/uploads/'), 202);
    const path = opened.headers.get('location')?.replace('https://registry.example', '') ?? '';
    const unknown = { status: 404, code: 'BLOB_UPLOAD_UNKNOWN' };
    for (const method of ['GET', 'PATCH', 'PUT', 'DELETE'] as const) {
      const address = method === 'PUT' ? `${path}?digest=${blob.digest}` : path;
      const body = method === 'GET' ? {} : { body: blob.bytes };
      expect(await refusal(as(other, method, address, body)), method).toMatchObject(unknown);
    }
    expect(await statusOf(as(HUGO, 'GET', path))).toBe(403);
    expect(await statusOf(as(undefined, 'GET', path))).toBe(401);
    expect(await statusOf(as(token, 'GET', path))).toBe(204);
    const bearing = bearer(await tokenFor(dev, 'repository:shop/app:pull,push', settings));
    expect(await statusOf(sendWith(settings, 'GET', path, { headers: bearing }))).toBe(204);
    const headers = { 'content-length': String(blob.bytes.byteLength) };
    demand(await as(dev, 'PUT', `${path}?digest=${blob.digest}`, { body: blob.bytes, headers }), 201);
  });
});

describe('a credential with limits', () => {
  it('does what its owner may and its limits have, and is told which of the two refused it', async () => {
    const token = await newToken('dora', { limit: { repositories: ['shop/app'], actions: ['pull'] } });
    expect(await statusOf(as(token, 'GET', '/v2/shop/app/manifests/latest'))).toBe(200);
    for (const path of ['/v2/shop/app/blobs/uploads/', '/v2/release/app/blobs/uploads/']) {
      const answer = await refusal(as(token, 'POST', path));
      expect(answer).toMatchObject({ status: 403, code: 'DENIED' });
      expect(answer.message).toContain('this credential of user:dora is limited');
    }
    expect(log.requests.at(-1)).toMatchObject({ refusedBy: 'limits of the credential' });
  });
});

describe('a token', () => {
  const CASES = ROUTES.filter(({ path }) => path.includes(':name+')).flatMap((route) =>
    [route.method].flat().map((method: Method) => ({ route, method, label: `${method} ${route.path}` })),
  );
  const pathOf = (route: Route, name: string) =>
    route.path
      .replace(':name+', name)
      .replace(':reference', 'none')
      .replace(':digest', `sha256:${'0'.repeat(64)}`)
      .replace(':upload', '0'.repeat(64));

  it('opens the routes of its scope and no other, of its repository and no other (CVE-2019-12825)', async () => {
    for (const actions of [['pull'], ['push'], ['delete'], ['pull', 'push'], []]) {
      const scope = actions.length === 0 ? '' : `repository:hugo/app:${actions.join(',')}`;
      const headers = bearer(await tokenFor(HUGO, scope, settings));
      for (const { route, method, label } of CASES) {
        const sent = ['GET', 'HEAD'].includes(method) ? { headers } : { headers, body: new Uint8Array() };
        const mine = await sendWith(settings, method, pathOf(route, 'hugo/app'), sent);
        await mine.body?.cancel();
        const isOpen = actions.includes(route.right);
        if (isOpen) expect([401, 403], `${scope} ${label}`).not.toContain(mine.status);
        else {
          expect(mine.status, `${scope} ${label}`).toBe(401);
          expect(mine.headers.get('www-authenticate'), label).toContain('insufficient_scope');
        }
        expect(await statusOf(sendWith(settings, method, pathOf(route, 'hugo/other'), sent)), label).toBe(401);
      }
    }
  });

  it('mounts from what it covers itself, not from what its owner could pull otherwise (CVE-2026-117685)', async () => {
    const headers = (scope: string) => tokenFor(HUGO, scope, settings).then(bearer);
    const target = 'repository:hugo/target:pull,push';
    const path = `/v2/hugo/target/blobs/uploads/?mount=${blob.digest}&from=hugo/app`;
    const narrow = { headers: await headers(target) };
    expect(await statusOf(sendWith(settings, 'POST', path, narrow))).toBe(202);
    const nothing = path.replace(/sha256:[0-9a-f]+/, `sha256:${'0'.repeat(64)}`);
    expect(await statusOf(sendWith(settings, 'POST', nothing, narrow))).toBe(202);
    const [refused, missing] = log.requests.slice(-2);
    expect(refused?.objectCalls).toBe(missing?.objectCalls);
    // As a client that brings nothing is told to ask for.
    const asked = (await sendWith(settings, 'POST', path)).headers.get('www-authenticate');
    expect(asked).toContain(`scope="${target} repository:hugo/app:pull"`);
    const wide = { headers: await headers(`${target} repository:hugo/app:pull`) };
    expect(await statusOf(sendWith(settings, 'POST', path, wide))).toBe(201);
  });
});

describe('a rule that lets add tags and not move them', () => {
  const version = (text: string) => imageOf(blob, { annotations: { version: text } });
  const push = (who: Person, tag: string, text: string) =>
    as(who, 'PUT', `/v2/release/app/manifests/${tag}`, { body: textBytes(version(text)) });

  it('keeps them for the robot, while a manager moves them', async () => {
    demand(await push(releaser, 'v1', 'one'), 201);
    expect(await refusal(push(releaser, 'v1', 'two'))).toMatchObject({
      ...{ status: 403, code: 'DENIED', detail: { tag: 'v1', current: await sha256(version('one')) } },
    });
    expect(await statusOf(push(dev, 'latest', 'two'))).toBe(403);
    demand(await push(manager, 'v1', 'two'), 201);
    demand(await push(releaser, 'edge', 'one'), 201);
    demand(await push(releaser, 'edge', 'two'), 201);
  });

  it('does not let it delete and push again, until a manager has given the tag anew', async () => {
    demand(await push(releaser, 'v2', 'one'), 201);
    demand(await as(releaser, 'DELETE', '/v2/release/app/manifests/v2'), 202);
    expect(await statusOf(push(releaser, 'v2', 'two'))).toBe(403);
    demand(await push(manager, 'v2', 'two'), 201);
    expect(await statusOf(push(releaser, 'v2', 'one'))).toBe(403);
    demand(await push(releaser, 'v2', 'two'), 201);
  });
});
