/** What a handler is given: the request, what it may use, and what is logged of it. */
import { configOf, ConfigurationError, type Config } from '../config.ts';
import { configuredPolicy, ignoredAnonymous } from '../auth/configured-policy.ts';
import type { Circumstances, Moves } from '../auth/decision.ts';
import { htpasswdOf } from '../auth/htpasswd.ts';
import type { Policy } from '../auth/policy.ts';
import type { Principal } from '../auth/principal.ts';
import type { ProxyProof } from '../auth/proxy-proof.ts';
import { trustsOf } from '../auth/trusts.ts';
import { configuredEndpoints } from '../notifications/configured-endpoints.ts';
import { RegistryError } from '../oci/error.ts';
import { parseReference, parseTag, type Reference, type Tag } from '../oci/reference.ts';
import type { RepositoryName } from '../oci/repository-name.ts';
import { parseDigest, type Digest } from '../oci/digest.ts';
import { parseUploadId, type UploadId } from '../oci/upload-id.ts';
import { logEvent } from '../observability/log.ts';
import { WorkMeter } from '../observability/work.ts';
import { eventProducer, type EventProducer } from '../objects/event-queue/producer.ts';
import { Objects } from '../objects/stubs.ts';
import { ExistenceCache } from '../registry/existence-cache.ts';
import { Registry } from '../registry/registry.ts';
import { Uploads } from '../registry/uploads.ts';
import { metered } from '../storage/metered.ts';
import { openStore } from '../storage/stores.ts';

import type { Access } from './access/access.ts';
import type { Place } from './location.ts';
import type { Note } from './request-log.ts';

/** Of bad input, this many characters are sent back. */
const LONGEST_ECHO = 200;

export interface Context {
  readonly id: string;
  /** Tells the request's line of the log more. */
  readonly note: Note;
  readonly request: Request;
  readonly url: URL;
  readonly config: Config;
  /** What a proxy in front has proven. */
  readonly proxy: ProxyProof;
  readonly place: Place;
  readonly principal: Principal;
  /** What counts now. */
  readonly policy: Policy;
  readonly circumstances: Circumstances;
  /** Where the request came from as far as anybody can tell (peer.ts): for what is told of it, and not for what is decided. Asked once. */
  readonly peer: () => Promise<string | undefined>;
  readonly registry: Registry;
  readonly uploads: Uploads;
  readonly objects: Objects;
  readonly meter: WorkMeter;
  /** Which deployment of the registry this is. */
  readonly deployment: string;
  /** Where events go that no repository writes down. */
  readonly events: EventProducer;
  /** Keeps work alive that goes on after the answer. */
  readonly hold: (work: Promise<unknown>) => void;
  /** Path parameters of the route, still as they came. */
  readonly params: Readonly<Record<string, string | undefined>>;
}

/** A handler of a route below a repository. */
export interface RepositoryContext extends Context {
  readonly repository: RepositoryName;
  /** Which tags the caller may move, if it is a push. Throws as `Asked` says. */
  readonly askAgain: () => Promise<Moves>;
}

/**
 * A request whose caller was let in before its body came. The body may take a minute, so whoever acts on it asks once more:
 * what was revoked meanwhile must have no effect. A token may have ended since; it counts as when it came.
 */
export interface Asked {
  readonly request: Request;
  /** Throws where the caller may not do this any more. */
  readonly askAgain: () => Promise<unknown>;
}

/** A handler that people sign in at: it looks at their credentials itself. */
export interface SignInContext extends Context {
  readonly access: Access;
}

interface Services {
  config: Config;
  objects: Objects;
  /** The one that the settings make. */
  policy: Policy;
  registry: Registry;
  uploads: Uploads;
  meter: WorkMeter;
  deployment: string;
  events: EventProducer;
  hold: (work: Promise<unknown>) => void;
}

/** Everything that a request may use. Throws UNAVAILABLE when the settings are wrong: that opens nothing. */
export function openServices(env: Env, waitUntil: (work: Promise<unknown>) => void): Services {
  const { config, policy } = settingsOf(env);
  const meter = new WorkMeter();
  const objects = new Objects(env);
  const store = metered(openStore(env), meter);
  const cache = new ExistenceCache(config.existenceCacheMs, waitUntil);
  return {
    config,
    policy,
    objects,
    meter,
    deployment: env.DEPLOYMENT.id,
    events: eventProducer(env, new WorkMeter()),
    hold: waitUntil,
    registry: new Registry(config, { objects, store, meter, cache, hold: waitUntil }),
    uploads: new Uploads(objects, store, meter, waitUntil),
  };
}

function settingsOf(env: Env): { config: Config; policy: Policy } {
  try {
    const config = configOf(env);
    // Read here, so that a wrong line, or a trust in too many, opens nothing.
    htpasswdOf(config);
    trustsOf(config);
    configuredEndpoints(config);
    return { config, policy: policyOf(config) };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    logEvent('error', 'wrong settings', { problems: error.message });
    throw new RegistryError('UNAVAILABLE', {
      message: "this registry's settings are wrong; its log names them",
      cause: error,
    });
  }
}

/** Read once for each environment, which is once an isolate. */
function policyOf(config: Config): Policy {
  const known = policies.get(config);
  if (known !== undefined) return known;
  const policy = configuredPolicy(config);
  policies.set(config, policy);
  const ignored = policy.kind === 'document' ? ignoredAnonymous(config) : undefined;
  if (ignored !== undefined) logEvent('warn', 'setting ignored', { message: ignored });
  return policy;
}

const policies = new WeakMap<Config, Policy>();

export function referenceOf({ params }: Context): Reference {
  const given = decoded(params['reference'] ?? '');
  const reference = parseReference(given);
  if (reference !== undefined) return reference;
  if (given.includes(':')) throw badDigest(given);
  throw badTag(given);
}

export function tagOf(given: string): Tag {
  const tag = parseTag(given);
  if (tag === undefined) throw badTag(given);
  return tag;
}

function badTag(given: string): RegistryError {
  return new RegistryError('TAG_INVALID', { detail: { tag: given.slice(0, LONGEST_ECHO) } });
}

export function digestOf(text: string): Digest {
  const given = decoded(text);
  const digest = parseDigest(given);
  if (digest === undefined) throw badDigest(given);
  return digest;
}

/** Some clients encode the colon of a digest in a path. Decoded once, before it is parsed. */
function decoded(text: string): string {
  return text.replace(/%3a/i, ':');
}

function badDigest(given: string): RegistryError {
  return new RegistryError('DIGEST_INVALID', {
    message: 'the digest must be sha256: and 64 lower-case hex digits, or sha512: and 128',
    detail: { digest: given.slice(0, LONGEST_ECHO) },
  });
}

export function uploadIdOf({ params }: Context): UploadId {
  const id = parseUploadId(params['upload'] ?? '');
  if (id === undefined) throw new RegistryError('BLOB_UPLOAD_UNKNOWN');
  return id;
}

/** A query parameter; `undefined` when it is absent. */
export function query({ url }: Context, name: string): string | undefined {
  return url.searchParams.get(name) ?? undefined;
}
