/**
 * Counted work of deletes, mounts, referrers, the catalog and pushes of more than one tag: calls to objects and
 * operations on the store, as the log line tells them, and the rows that the objects read for it. With ten times the
 * tags, manifests, blobs, referrers and repositories all of it is the same. The rest: work.test.ts.
 */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import {
  demand,
  descriptorOf,
  imageOf,
  openSession,
  pushed,
  putManifest,
  sendWith,
  sha256,
  textBytes,
} from './client.ts';
import { LogLines, type Work } from './log-lines.ts';
import { countRows } from './rows.ts';
import { seedCatalog, seedReferrers, smallManifest, subjectDescriptor } from './seeding.ts';
import { newBlob, newWorld, objects, passTime, repositoryName, settle, type Blob } from './world.ts';
import type { RepositoryName } from '../../src/oci/repository-name.ts';

const LARGE_MANIFEST_BYTES = 70 * 1_024;
const FEW = 12;
const MANY = 10 * FEW;
/** Some hundreds of pushes, on a machine that does other things as well. */
const GROWTH_TIMEOUT_MS = 240_000;
const NOWHERE = `sha256:${'0'.repeat(64)}`;

let log: LogLines;
beforeEach(async () => {
  log = new LogLines();
  await newWorld();
  // Ahead of the machine's clock no alarm rings by itself, so no rows are counted but the request's.
  passTime(3_600_000);
  // An isolate asks once who may come in, and again each minute.
  await sendWith({}, 'GET', '/v2/');
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

interface Measured extends Work {
  status: number;
  rowsRead: number;
}

type Requests = Record<string, () => Promise<Response>>;

/** Two repositories that know one another's blobs, or some of them, and what grows around them. */
interface Registry {
  name: RepositoryName;
  other: RepositoryName;
  /** In every image of `name`. */
  shared: Blob;
  /** In one image of it. */
  single: Blob;
}

async function registryOf(label: string, many: number): Promise<Registry> {
  const [name, other] = [repositoryName(label), repositoryName(`${label}-other`)];
  const shared = await pushed(name, await newBlob(100));
  const registry = { name, other, shared, single: await pushed(name, await newBlob(100)) };
  for (let index = 0; index < many; index += 1) await pushImage(registry, `tag${String(index)}`);
  const referrers = Array.from({ length: many }, () => ({ type: 'application/vnd.example' }));
  const { digest } = await smallManifest('subject');
  for (const repository of [name, other]) await seedReferrers(repository, digest, referrers);
  await seedCatalog(referrers.map((_, index) => `${name}/${String(index)}`));
  return registry;
}

function manifestIn({ shared }: Registry, own: Blob, extra: Record<string, unknown> = {}): string {
  return imageOf(own, { layers: [descriptorOf(own), descriptorOf(shared)], ...extra });
}

/** An image with a layer of its own and one that all share. */
async function pushImage(registry: Registry, tag: string, padding = 0): Promise<{ own: Blob; digest: string }> {
  const own = await pushed(registry.name, await newBlob(100));
  const body = manifestIn(registry, own, { annotations: { padding: 'x'.repeat(padding) } });
  demand(await putManifest(registry.name, tag, body), 201);
  return { own, digest: await sha256(body) };
}

const ask = (method: string, path: string, body?: Uint8Array<ArrayBuffer>) =>
  sendWith({ BERTH_EXISTENCE_CACHE_SECONDS: '0' }, method, path, body === undefined ? {} : { body });

/** Every request that is measured, in the order in which they are made. */
async function requestsTo(registry: Registry): Promise<Requests> {
  const { name, other, shared, single } = registry;
  const [small, large] = [await pushImage(registry, 'small'), await pushImage(registry, 'large', LARGE_MANIFEST_BYTES)];
  const subject = await smallManifest('subject');
  const referrer = manifestIn(registry, small.own, { subject: subjectDescriptor(subject) });
  const tagged = manifestIn(registry, single);
  const [referrerDigest, taggedDigest] = [await sha256(referrer), await sha256(tagged)];
  const session = await openSession(name);
  demand(await session.patch(small.own.bytes), 202);
  const manifest = (reference: string) => `/v2/${name}/manifests/${reference}`;
  const blob = (digest: string) => `/v2/${name}/blobs/${digest}`;
  const mount = (digest: string, from: string) => () =>
    ask('POST', `/v2/${other}/blobs/uploads/?mount=${digest}${from}`);
  return {
    'mount from a repository': mount(shared.digest, `&from=${name}`),
    'mount from anywhere': mount(single.digest, ''),
    'mount of what is there': mount(shared.digest, `&from=${name}`),
    'mount from where it is not': mount(NOWHERE, `&from=${name}`),
    'mount from anywhere of what is nowhere': mount(NOWHERE, ''),
    'push with a subject': () => ask('PUT', manifest(referrerDigest), textBytes(referrer)),
    'push with three tags': () => ask('PUT', `${manifest(taggedDigest)}?tag=x&tag=y&tag=z`, textBytes(tagged)),
    'list of repositories': () => ask('GET', '/v2/_catalog?n=10'),
    'list of tags': () => ask('GET', `/v2/${name}/tags/list?n=10`),
    'list of referrers, where there is one': () => ask('GET', `/v2/${name}/referrers/${taggedDigest}`),
    'status of an upload': () => ask('GET', session.path),
    'cancel of an upload': () => ask('DELETE', session.path),
    'delete of a tag': () => ask('DELETE', manifest('x')),
    'delete of a tag that is not there': () => ask('DELETE', manifest('x')),
    'delete of a blob that a manifest needs': () => ask('DELETE', blob(shared.digest)),
    'delete of a manifest with a subject': () => ask('DELETE', manifest(referrerDigest)),
    'delete of a manifest with a tag': () => ask('DELETE', manifest(small.digest)),
    'delete of a large manifest': () => ask('DELETE', manifest(large.digest)),
    'delete of a blob': () => ask('DELETE', blob(small.own.digest)),
    'delete of a blob that is not there': () => ask('DELETE', blob(small.own.digest)),
  };
}

const EXPECTED: Record<string, [status: number, objectCalls: number, storeOperations: number]> = {
  'mount from a repository': [201, 3, 1],
  'mount from anywhere': [201, 3, 1],
  'mount of what is there': [201, 2, 1],
  'mount from where it is not': [202, 1, 0],
  'mount from anywhere of what is nowhere': [202, 2, 0],
  'push with a subject': [201, 1, 0],
  'push with three tags': [201, 1, 0],
  'list of repositories': [200, 1, 0],
  'list of tags': [200, 1, 0],
  'list of referrers, where there is one': [200, 1, 0],
  'status of an upload': [204, 1, 0],
  'cancel of an upload': [204, 1, 0],
  'delete of a tag': [202, 1, 0],
  'delete of a tag that is not there': [404, 1, 0],
  'delete of a blob that a manifest needs': [405, 1, 0],
  'delete of a manifest with a subject': [202, 1, 0],
  'delete of a manifest with a tag': [202, 1, 0],
  'delete of a large manifest': [202, 1, 0],
  'delete of a blob': [202, 1, 0],
  'delete of a blob that is not there': [404, 1, 0],
};

async function measure(registry: Registry): Promise<Record<string, Measured>> {
  const { name, other, shared, single } = registry;
  const requests = await requestsTo(registry);
  const stubs: DurableObjectStub[] = [
    objects.repository(name),
    objects.repository(other),
    objects.catalog(),
    ...[shared, single].map(({ digest }) => objects.directory(digest)),
  ];
  const touched = new Map(stubs.map((stub) => [stub.id.toString(), stub]));
  // An object that has just woken looks at its alarm once.
  for (const repository of [name, other]) await ask('GET', `/v2/${repository}/tags/list`);
  const table: Record<string, Measured> = {};
  for (const [label, request] of Object.entries(requests)) {
    await settle();
    let status = 0;
    const { result, rows } = await countRows([...touched.values()], () =>
      log.workOf(async () => {
        const response = await request();
        status = response.status;
        return response;
      }),
    );
    table[label] = { status, ...result, rowsRead: rows.read };
  }
  return table;
}

it(
  'is what it is meant to be, and the same with ten times the tags, manifests and blobs',
  async () => {
    const few = await measure(await registryOf('few', FEW));
    const work = Object.entries(few).map(([label, { status, objectCalls, storeOperations }]) => [
      label,
      [status, objectCalls, storeOperations],
    ]);
    expect(Object.fromEntries(work)).toEqual(EXPECTED);
    // What finds nothing reads nothing; a page of ten and the row behind it are read, and no others.
    expect(few['list of repositories']?.rowsRead).toBe(11);
    expect(await measure(await registryOf('many', MANY))).toEqual(few);
  },
  GROWTH_TIMEOUT_MS,
);
