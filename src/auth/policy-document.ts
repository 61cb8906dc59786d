/**
 * The policy document: rules in JSON, checked as a whole (docs/policy.md is its reference). A document with any mistake is
 * none.
 */
import * as v from 'valibot';
import { claimConditions, type ClaimCondition } from './claims.ts';
import { parseNetwork, type Network } from './networks.ts';
import { repositoryPattern, tagPattern } from './pattern-schemas.ts';
import type { Pattern } from './patterns.ts';
import { ACTIONS, type Action } from './principal.ts';
import { line, list, namedOnce, parseSettingDocument, text, type DocumentForm } from './setting-document.ts';

/** Every request asks all rules, so a document may not be of any size. */
export const LONGEST_POLICY_CHARACTERS = 65_536;
const MOST_RULES = 500;
const MOST_SUBJECTS = 200;
const MOST_PATTERNS = 200;
const MOST_TAG_PATTERNS = 50;
const MOST_NETWORKS = 50;
const LONGEST_RULE_NAME_CHARACTERS = 100;
const LONGEST_SUBJECT_CHARACTERS = 255;
const LONGEST_MESSAGE_CHARACTERS = 500;
/** Document, rules, rule, conditions, claims, list. */
const MAX_DEPTH = 6;

/** RFC 3339 §5.6, with an offset: a time without one is another moment for each reader. */
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,3})?(?:Z|[+-]\d{2}:\d{2})$/;

export type Subject =
  /** Everybody, signed in or not: what is open to a caller without credentials is closed to nobody. */
  | { readonly kind: 'anonymous' }
  /** Everybody who signed in, but no job: what a trust lets in is given nothing that does not name it. */
  | { readonly kind: 'authenticated' }
  | { readonly kind: NamedKind; readonly name: string };

/**
 * `outside`: whom an outside token server vouches for. `proxy`: whom a proxy in front has verified. `workload`: every job
 * that the trust of this name lets in.
 */
const NAMED_KINDS = ['user', 'group', 'robot', 'outside', 'proxy', 'workload'] as const;
type NamedKind = (typeof NAMED_KINDS)[number];

export interface Rule {
  readonly name: string;
  readonly subjects: readonly Subject[];
  readonly repositories: readonly Pattern[];
  readonly actions: ReadonlySet<Action>;
  /** Whether a push by this rule may move a tag. */
  readonly overwrite: boolean;
  /** Patterns of the tags that it may move all the same. */
  readonly mutableTags: readonly string[];
  /** Where a caller has to be; absent: anywhere. */
  readonly networks: readonly Network[] | undefined;
  /** What a job's token has to say; absent: nothing. Whoever is no job has no claims. */
  readonly claims: readonly ClaimCondition[] | undefined;
  /** In ms since the epoch: from then on the rule allows nothing. */
  readonly until: number | undefined;
  /** For who is refused. */
  readonly message: string | undefined;
}

export interface PolicyDocument {
  readonly kind: 'document';
  readonly rules: readonly Rule[];
}

export type PolicyResult =
  | { readonly ok: true; readonly policy: PolicyDocument }
  /** Each is a path and a reason: `rules[2].actions[0]: must be …`. */
  | { readonly ok: false; readonly mistakes: readonly string[] };

const subject = v.pipe(
  line(LONGEST_SUBJECT_CHARACTERS),
  v.rawTransform(({ dataset, addIssue, NEVER }): Subject => {
    const [, prefix, name = ''] = /^([a-z]+):(.+)$/.exec(dataset.value) ?? [];
    const kind = NAMED_KINDS.find((known) => known === prefix);
    if (kind !== undefined) return { kind, name };
    if (dataset.value === 'anonymous' || dataset.value === 'authenticated') return { kind: dataset.value };
    addIssue({
      message:
        'must be user:NAME, group:NAME, robot:NAME, outside:NAME, proxy:NAME, workload:NAME, anonymous or authenticated',
    });
    return NEVER;
  }),
);

const network = v.pipe(
  text,
  v.rawTransform(({ dataset, addIssue, NEVER }): Network => {
    const result = parseNetwork(dataset.value);
    if (result.ok) return result.network;
    addIssue({ message: result.message });
    return NEVER;
  }),
);

const instant = v.pipe(
  text,
  v.check(isInstant, 'must be a time with its offset, as in 2027-01-01T00:00:00Z'),
  v.transform((given) => Date.parse(given)),
);

const RuleSchema = v.pipe(
  v.strictObject({
    name: line(LONGEST_RULE_NAME_CHARACTERS),
    subjects: list(subject, MOST_SUBJECTS),
    repositories: list(repositoryPattern, MOST_PATTERNS),
    actions: list(v.picklist([...ACTIONS, '*'], 'must be one of pull, push, delete, *'), ACTIONS.length + 1),
    overwrite: v.optional(v.boolean('must be true or false')),
    mutableTags: v.optional(list(tagPattern, MOST_TAG_PATTERNS)),
    when: v.optional(
      v.strictObject({
        networks: v.optional(list(network, MOST_NETWORKS)),
        claims: v.optional(claimConditions),
        until: v.optional(instant),
      }),
    ),
    message: v.optional(line(LONGEST_MESSAGE_CHARACTERS)),
  }),
  v.forward(
    v.partialCheck(
      [['actions'], ['overwrite']],
      ({ actions, overwrite }) => overwrite === undefined || actions.some((action) => ['push', '*'].includes(action)),
      'tells what a push may do, and this rule allows none',
    ),
    ['overwrite'],
  ),
  v.forward(
    v.partialCheck(
      [['overwrite'], ['mutableTags']],
      ({ overwrite, mutableTags }) => mutableTags === undefined || overwrite === false,
      'exempts tags from "overwrite": false, which this rule does not have',
    ),
    ['mutableTags'],
  ),
  v.transform(({ name, subjects, repositories, actions, overwrite, mutableTags, when, message }): Rule => {
    const allowed = actions.flatMap((action): readonly Action[] => (action === '*' ? ACTIONS : [action]));
    return {
      name,
      subjects,
      repositories,
      actions: new Set(allowed),
      overwrite: overwrite ?? true,
      mutableTags: mutableTags ?? [],
      networks: when?.networks,
      claims: when?.claims,
      until: when?.until,
      message,
    };
  }),
);

const DocumentSchema = v.strictObject({
  rules: v.pipe(
    v.array(RuleSchema, 'must be a list'),
    v.maxLength(MOST_RULES, `must have at most ${String(MOST_RULES)} entries`),
    namedOnce('rules'),
  ),
});

const FORM: DocumentForm<typeof DocumentSchema> = {
  schema: DocumentSchema,
  longestCharacters: LONGEST_POLICY_CHARACTERS,
  maxDepth: MAX_DEPTH,
  page: 'docs/policy.md',
};

/** Never throws. */
export function parsePolicy(given: string): PolicyResult {
  const result = parseSettingDocument(given, FORM);
  return result.ok ? { ok: true, policy: { kind: 'document', rules: result.value.rules } } : result;
}

/** The 30th of February is none, which `Date` would take for the 2nd of March. */
function isInstant(given: string): boolean {
  if (!INSTANT.test(given) || Number.isNaN(Date.parse(given))) return false;
  const [year, month, day] = given.slice(0, 10).split('-').map(Number);
  return new Date(Date.UTC(year ?? 0, (month ?? 1) - 1, day)).toISOString().startsWith(given.slice(0, 10));
}
