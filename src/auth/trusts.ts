/**
 * Which issuers of tokens are trusted to say what a job is (OpenID Connect Core §2), and which of their jobs: the document of
 * the setting BERTH_TRUSTS (docs/workload-identity.md is its reference). Pure.
 *
 * An issuer such as GitHub signs a token for whoever has a repository there. So a trust has to say whose jobs it means, by a
 * claim that names the tenant; one that does not is refused when it is loaded.
 */
import * as v from 'valibot';
import { ConfigurationError, type Config } from '../config.ts';
import { isAccountName } from './account-name.ts';
import { claimConditions, claimName, type ClaimCondition } from './claims.ts';
import { isLoopbackHost } from './loopback-host.ts';
import { line, namedOnce, parseSettingDocument, text, type DocumentForm } from './setting-document.ts';

export const LONGEST_TRUSTS_CHARACTERS = 65_536;
export const MOST_TRUSTS = 50;
const LONGEST_URL_CHARACTERS = 255;
const LONGEST_AUDIENCE_CHARACTERS = 255;
const LONGEST_PREFIX_CHARACTERS = 64;
/** Document, trusts, trust, claims, list. */
const MAX_DEPTH = 5;
const HOUR_SECONDS = 3_600;
export const SHORTEST_LIFETIME_SECONDS = 60;
/** As long as a key that signed is known at least (objects/accounts/signing-keys.ts). */
const LONGEST_LIFETIME_SECONDS = 6 * HOUR_SECONDS;

/** They name the tenant, or a part of what is the tenant's, where nothing in them is a star. */
const TENANT_CLAIMS: ReadonlySet<string> = new Set([
  ...['repository_owner_id', 'repository_owner', 'repository_id', 'repository'],
  ...['namespace_id', 'namespace_path', 'project_id', 'project_path'],
  ...['organization_id', 'organization_slug', 'pipeline_id'],
  ...['oidc.circleci.com/org-id', 'oidc.circleci.com/project-id'],
  'sub',
]);
/** Of these the first part is the tenant, and what comes behind it may have stars. */
const PATHS: ReadonlySet<string> = new Set(['repository', 'namespace_path', 'project_path']);
const TENANT_FIRST = /^[^*/:]+\//;
/** GitHub's and GitLab's: `repo:acme/app:ref:…`, `project_path:acme/app:ref_type:…`. */
/** GitHub lets a repository choose which of its claims its `sub` is made of; these name nobody, and others may have the same. */
const CHOSEN_SUBJECT =
  /^(?:environment|context|job_workflow_ref|workflow|workflow_ref|ref|ref_type|base_ref|head_ref|actor|event_name|runner_environment):/;
const TENANT_AMONG_CHOSEN = /:(?:repo|repository|repository_id|repository_owner|repository_owner_id):/;
const TENANT_IN_SUBJECT = /^(?:repo|project_path):[^*/:]+\//;

const NO_TENANT =
  'must name whose jobs are meant, without a star: one of repository_owner_id, repository_owner, repository_id, repository, ' +
  'namespace_id, namespace_path, project_id, project_path, sub, or another of docs/workload-identity.md. ' +
  'Without that everybody comes in whom the issuer knows';

export interface Trust {
  /** A subject of the policy, `workload:NAME`, and the name that a job signs in with. */
  readonly name: string;
  readonly issuer: string;
  readonly audience: string;
  /** Where the issuer's keys are; undefined: where its own configuration says. */
  readonly jwks: string | undefined;
  readonly claims: readonly ClaimCondition[];
  /** The claim that tells its jobs apart. */
  readonly subject: string;
  readonly groups: { readonly claim: string; readonly prefix: string } | undefined;
  /** Of a job credential, at most. */
  readonly lifetimeSeconds: number;
}

export type Trusts = readonly Trust[];

const url = v.pipe(
  line(LONGEST_URL_CHARACTERS),
  v.check(
    isFetchable,
    'must be a URL of https, or of http on this machine, without a name, a password, a query and a fragment',
  ),
);

const lifetime = `must be a whole number of seconds from ${String(SHORTEST_LIFETIME_SECONDS)} to ${String(LONGEST_LIFETIME_SECONDS)}`;

const TrustSchema = v.pipe(
  v.strictObject({
    name: v.pipe(text, v.check(isAccountName, 'must be 1 to 64 lower-case letters and digits, joined by . _ __ or -')),
    issuer: url,
    audience: line(LONGEST_AUDIENCE_CHARACTERS),
    jwks: v.optional(url),
    claims: v.pipe(claimConditions, v.check(nameTenant, NO_TENANT)),
    subject: v.optional(claimName, 'sub'),
    groups: v.optional(
      v.strictObject({
        claim: claimName,
        prefix: v.optional(
          v.pipe(
            text,
            v.maxLength(LONGEST_PREFIX_CHARACTERS, `must have at most ${String(LONGEST_PREFIX_CHARACTERS)} characters`),
            v.regex(/^(?:[A-Za-z0-9][A-Za-z0-9._:/@-]*)?$/, 'must begin as the name of a group does, or be empty'),
          ),
        ),
      }),
    ),
    lifetimeSeconds: v.optional(
      v.pipe(
        v.number(lifetime),
        v.integer(lifetime),
        v.minValue(SHORTEST_LIFETIME_SECONDS, lifetime),
        v.maxValue(LONGEST_LIFETIME_SECONDS, lifetime),
      ),
      HOUR_SECONDS,
    ),
  }),
  v.forward(
    v.partialCheck(
      [['groups'], ['claims'], ['subject']],
      ({ groups, claims, subject }) =>
        groups === undefined || (groups.claim !== subject && claims.every(({ name }) => name !== groups.claim)),
      'is a list of names, and can be neither the subject nor a condition',
    ),
    ['groups'],
  ),
  v.transform(({ groups, jwks, ...trust }): Trust => {
    // A group of an issuer is none of this registry's, unless whoever runs it says so by an empty prefix.
    const prefix = groups?.prefix ?? `${trust.name}:`;
    return { ...trust, jwks, groups: groups === undefined ? undefined : { claim: groups.claim, prefix } };
  }),
);

const DocumentSchema = v.strictObject({
  trusts: v.pipe(
    v.array(TrustSchema, 'must be a list'),
    v.maxLength(MOST_TRUSTS, `must have at most ${String(MOST_TRUSTS)} entries`),
    namedOnce<Trust>('trusts'),
    v.check(
      (trusts) =>
        trusts.every((one) => trusts.every((other) => one.issuer !== other.issuer || one.jwks === other.jwks)),
      'two trusts of one issuer name other keys: its keys are one set, so "jwks" is the same in both or in neither',
    ),
  ),
});

export type TrustsResult =
  | { readonly ok: true; readonly trusts: Trusts }
  /** Each is a path and a reason: `trusts[0].claims: must …`. */
  | { readonly ok: false; readonly mistakes: readonly string[] };

const FORM: DocumentForm<typeof DocumentSchema> = {
  schema: DocumentSchema,
  longestCharacters: LONGEST_TRUSTS_CHARACTERS,
  maxDepth: MAX_DEPTH,
  page: 'docs/workload-identity.md',
};

/** Never throws. */
export function parseTrusts(given: string): TrustsResult {
  const result = parseSettingDocument(given, FORM);
  return result.ok ? { ok: true, trusts: result.value.trusts } : result;
}

const parsed = new WeakMap<object, Trusts>();

/** The trusts of a registry's setting. Throws ConfigurationError with every mistake. */
export function trustsOf(config: Pick<Config, 'trusts'>): Trusts {
  const known = parsed.get(config);
  if (known !== undefined) return known;
  const result: TrustsResult = config.trusts === undefined ? { ok: true, trusts: [] } : parseTrusts(config.trusts);
  if (!result.ok) throw new ConfigurationError(`BERTH_TRUSTS names no trusts: ${result.mistakes.join('; ')}`);
  parsed.set(config, result.trusts);
  return result.trusts;
}

/** Whether one of the conditions can only be met by jobs of one tenant, or of a few that are named. */
function nameTenant(conditions: readonly ClaimCondition[]): boolean {
  return conditions.some(
    ({ name, patterns }) => TENANT_CLAIMS.has(name) && patterns.every((one) => isTenant(name, one.text)),
  );
}

function isTenant(claim: string, pattern: string): boolean {
  const isChosen = claim === 'sub' && CHOSEN_SUBJECT.test(pattern);
  if (isChosen && !TENANT_AMONG_CHOSEN.test(pattern)) return false;
  if (!pattern.includes('*')) return true;
  if (claim === 'sub') return TENANT_IN_SUBJECT.test(pattern);
  return PATHS.has(claim) && TENANT_FIRST.test(pattern);
}

/** Where keys are fetched from: nobody on the way may change them. */
function isFetchable(given: string): boolean {
  if (!URL.canParse(given)) return false;
  const { protocol, hostname, username, password, search, hash } = new URL(given);
  if (`${username}${password}${search}${hash}` !== '' || /[?#@]/.test(given)) return false;
  return protocol === 'https:' || (protocol === 'http:' && isLoopbackHost(hostname));
}
