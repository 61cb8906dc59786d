/** The test image goes in, as docker and containerd send one (distribution-spec, "Push"), and is deleted again. */
import type { Body } from '../registry/exchange.ts';
import type { Answer } from '../registry/exchange.ts';
import { failure, success, type Outcome } from '../registry/outcome.ts';
import { PASSWORD_VARIABLE } from './arguments.ts';
import { atHome } from './location.ts';
import { makeImage, type Content } from './test-image.ts';
import { failed, ok, skipped, type Verdict } from './verdict.ts';
import type { ClearedAway, Visit } from './visit.ts';

const CREATED = 201;
const ACCEPTED = 202;
const NO_CONTENT = 204;
const NOT_FOUND = 404;
const REFUSED: ReadonlySet<number> = new Set([401, 403]);
const NOT_ALLOWED = 405;
const BLOB_TYPE = 'application/octet-stream';

function bodyOf(bytes: Uint8Array): Body {
  return { length: bytes.byteLength, pieces: [bytes] };
}

/** An upload session, at the address that was asked, wherever the answer sends clients. */
export async function openSession(visit: Visit): Promise<Outcome<URL> & { readonly status?: number }> {
  const { client, repository, scopes } = visit;
  const called = await client.once({ method: 'POST', path: `/v2/${repository}/blobs/uploads/`, scopes });
  if (!called.ok) return called;
  const answer = called.value;
  if (answer.status !== ACCEPTED)
    return { ...(await client.refused(answer, 'POST of an upload')), status: answer.status };
  const session = followed(visit, answer, 'POST of an upload');
  if (session.ok) visit.session = session.value;
  return session;
}

export async function cancelSession(
  visit: { session: URL | undefined } & Pick<ClearedAway, 'client' | 'scopes'>,
  session: URL,
): Promise<void> {
  const called = await visit.client.once({ method: 'DELETE', path: session, scopes: visit.scopes });
  if (!called.ok) return;
  called.value.discard();
  visit.session = undefined;
}

function followed(visit: Visit, answer: Answer, of: string): Outcome<URL> {
  const location = answer.header('location');
  answer.discard();
  visit.locations.push({ of, location });
  const url = atHome(visit.url, location);
  return url === undefined ? failure(`the answer to ${of} does not say where to go on`) : success(url);
}

export async function checkPush(visit: Visit): Promise<Verdict> {
  const { repository, settings } = visit;
  const image = makeImage();
  const session = await openSession(visit);
  if (!session.ok) return refusedPush(visit, session.failure.reason, session.status);
  visit.image = { ...image, isTagged: false, isComplete: false };
  const steps: (() => Promise<Outcome<undefined>>)[] = [
    () => pushInChunks(visit, session.value, image.layer),
    () => pushWhole(visit, image.config),
    () => {
      visit.image = { ...image, isTagged: true, isComplete: false };
      return putManifest(visit, image.manifest);
    },
  ];
  for (const step of steps) {
    const done = await step();
    if (!done.ok)
      return failed(
        `a push to ${repository} breaks off: ${done.failure.reason}`,
        'The log of the registry has a line for that request; compare it with the log of what stands in front.',
      );
  }
  visit.image = { ...image, isTagged: true, isComplete: true };
  const who = settings.credentials === undefined ? ', by anyone' : '';
  return ok(`an image was pushed to ${repository}${who}`);
}

function refusedPush({ settings, repository }: Visit, reason: string, status: number | undefined): Verdict {
  if (status === NOT_ALLOWED) return skipped(`${reason}: it is read-only now`);
  const isRefused = status === undefined || REFUSED.has(status);
  if (isRefused && settings.credentials === undefined)
    return skipped(`nobody may push without an account: --username NAME, and the password in ${PASSWORD_VARIABLE}`);
  return failed(
    `${settings.credentials?.user ?? 'anyone'} can't push to ${repository}: ${reason}`,
    isRefused
      ? 'Name a repository that this account may push to (--repository), or give it the right (docs/policy.md).'
      : 'Look at the log of the registry.',
  );
}

/** As docker: a chunk, then nothing but the digest. */
async function pushInChunks(visit: Visit, session: URL, { bytes, digest }: Content): Promise<Outcome<undefined>> {
  const { client, scopes } = visit;
  const called = await client.once({
    method: 'PATCH',
    path: session,
    scopes,
    headers: { 'content-type': BLOB_TYPE },
    body: bodyOf(bytes),
  });
  if (!called.ok) return called;
  if (called.value.status !== ACCEPTED && called.value.status !== NO_CONTENT)
    return client.refused(called.value, 'PATCH of a layer');
  const next = followed(visit, called.value, 'PATCH of a layer');
  if (!next.ok) return next;
  visit.session = next.value;
  return close(visit, next.value, digest, undefined);
}

/** As containerd: all of it with the digest. */
async function pushWhole(visit: Visit, { bytes, digest }: Content): Promise<Outcome<undefined>> {
  const session = await openSession(visit);
  return session.ok ? close(visit, session.value, digest, bodyOf(bytes)) : session;
}

async function close(visit: Visit, session: URL, digest: string, body: Body | undefined): Promise<Outcome<undefined>> {
  const { client, scopes } = visit;
  const path = new URL(session);
  // As text: the registry's own parameters have to come back as they were.
  path.search = `${path.search === '' ? '?' : `${path.search}&`}digest=${encodeURIComponent(digest)}`;
  const called = await client.once({
    method: 'PUT',
    path,
    scopes,
    headers: { 'content-type': BLOB_TYPE },
    ...(body === undefined ? {} : { body }),
  });
  if (!called.ok) return called;
  if (called.value.status !== CREATED && called.value.status !== NO_CONTENT)
    return client.refused(called.value, 'PUT of a blob');
  visit.session = undefined;
  const stored = followed(visit, called.value, 'PUT of a blob');
  return stored.ok ? success(undefined) : stored;
}

async function putManifest(visit: Visit, manifest: Content & { mediaType: string }): Promise<Outcome<undefined>> {
  const { client, repository, tag, scopes } = visit;
  const called = await client.once({
    method: 'PUT',
    path: `/v2/${repository}/manifests/${tag}`,
    scopes,
    headers: { 'content-type': manifest.mediaType },
    body: bodyOf(manifest.bytes),
  });
  if (!called.ok) return called;
  if (called.value.status !== CREATED) return client.refused(called.value, 'PUT of a manifest');
  const stored = followed(visit, called.value, 'PUT of a manifest');
  return stored.ok ? success(undefined) : stored;
}

/** Whatever can't be deleted is named. An upload that stays open ends by itself. */
export async function checkCleanUp(visit: ClearedAway): Promise<Verdict> {
  const { image, session, repository, tag, client, scopes } = visit;
  if (image === undefined) return skipped('nothing was pushed');
  if (session !== undefined) await cancelSession(visit, session);
  const left: string[] = [];
  const things = [
    { path: `manifests/${image.manifest.digest}`, name: `the tag ${tag}`, isThere: image.isTagged },
    { path: `blobs/${image.layer.digest}`, name: 'a layer of 262 kB', isThere: true },
    { path: `blobs/${image.config.digest}`, name: 'a configuration of 0.2 kB', isThere: true },
  ];
  for (const { path, name, isThere } of things) {
    if (!isThere) continue;
    const called = await client.once({ method: 'DELETE', path: `/v2/${repository}/${path}`, scopes });
    const status = called.ok ? called.value.status : undefined;
    if (called.ok) called.value.discard();
    if (status !== ACCEPTED && status !== NOT_FOUND && status !== NO_CONTENT)
      left.push(`${name} (its delete is answered with ${String(status ?? 'nothing')})`);
  }
  return left.length === 0
    ? ok(`the image is deleted again from ${repository}`)
    : ok(`in ${repository} there is left: ${left.join(', ')}`, 'It may be deleted at any time.');
}
