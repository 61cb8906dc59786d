/**
 * The policy document: rules in JSON, checked as a whole (docs/policy.md is its reference). A document with any mistake is
 * none: an unknown key may be a misspelt condition, and to ignore that would open what it was meant to close.
 */
import * as v from 'valibot';
import { parseJsonDocument } from '../oci/json-document.ts';
import { parseNetwork, type Network } from './networks.ts';
import { parsePattern, tagPatternProblem, type Pattern } from './patterns.ts';
import { ACTIONS, type Action } from './principal.ts';

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
const MISTAKES_REPORTED = 10;
/** Document, rules, rule, condition, list. */
const MAX_DEPTH = 5;
/** A path or value of the document in a message. */
const LONGEST_ECHO_CHARACTERS = 60;

/** RFC 3339 §5.6, with an offset: a time without one is another moment for each reader. */
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,3})?(?:Z|[+-]\d{2}:\d{2})$/;
/** No character that would break the line of a terminal or a log. */
const PRINTABLE = /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]+$/;

export type Subject =
  /** Everybody, signed in or not: what is open to a caller without credentials is closed to nobody. */
  | { readonly kind: 'anonymous' }
  /** Every user and every robot. */
  | { readonly kind: 'authenticated' }
  | { readonly kind: 'user' | 'group' | 'robot'; readonly name: string };

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

const text = v.string('must be a string');

function line(most: number) {
  return v.pipe(
    text,
    v.maxLength(most, `must have at most ${String(most)} characters`),
    v.regex(PRINTABLE, 'must be one line of text, and not empty'),
  );
}

function list<const Item extends v.GenericSchema>(item: Item, most: number) {
  return v.pipe(
    v.array(item, 'must be a list'),
    v.minLength(1, 'must not be empty'),
    v.maxLength(most, `must have at most ${String(most)} entries`),
  );
}

const subject = v.pipe(
  line(LONGEST_SUBJECT_CHARACTERS),
  v.rawTransform(({ dataset, addIssue, NEVER }): Subject => {
    const [, kind, name = ''] = /^(user|group|robot):(.+)$/.exec(dataset.value) ?? [];
    if (kind === 'user' || kind === 'group' || kind === 'robot') return { kind, name };
    if (dataset.value === 'anonymous' || dataset.value === 'authenticated') return { kind: dataset.value };
    addIssue({ message: 'must be user:NAME, group:NAME, robot:NAME, anonymous or authenticated' });
    return NEVER;
  }),
);

const pattern = v.pipe(
  text,
  v.rawTransform(({ dataset, addIssue, NEVER }): Pattern => {
    const result = parsePattern(dataset.value);
    if (result.ok) return result.pattern;
    addIssue({ message: result.message });
    return NEVER;
  }),
);

const tagPattern = v.pipe(
  text,
  v.check(
    (given) => tagPatternProblem(given) === undefined,
    ({ input }) => tagPatternProblem(input) ?? '',
  ),
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
    repositories: list(pattern, MOST_PATTERNS),
    actions: list(v.picklist([...ACTIONS, '*'], 'must be one of pull, push, delete, *'), ACTIONS.length + 1),
    overwrite: v.optional(v.boolean('must be true or false')),
    mutableTags: v.optional(list(tagPattern, MOST_TAG_PATTERNS)),
    when: v.optional(
      v.strictObject({ networks: v.optional(list(network, MOST_NETWORKS)), until: v.optional(instant) }),
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
      until: when?.until,
      message,
    };
  }),
);

const DocumentSchema = v.strictObject({
  rules: v.pipe(
    v.array(RuleSchema, 'must be a list'),
    v.maxLength(MOST_RULES, `must have at most ${String(MOST_RULES)} entries`),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      const names = dataset.value.map(({ name }) => name);
      const repeated = names.find((name, index) => names.indexOf(name) !== index);
      if (repeated !== undefined) addIssue({ message: `two rules are named ${JSON.stringify(repeated)}` });
    }),
  ),
});

/** Never throws. */
export function parsePolicy(given: string): PolicyResult {
  if (given.length > LONGEST_POLICY_CHARACTERS) {
    return mistaken(`must have at most ${String(LONGEST_POLICY_CHARACTERS)} characters`);
  }
  const document = parseJsonDocument(new TextEncoder().encode(given), MAX_DEPTH);
  if (!document.ok) return mistaken(`${document.message}${whereItEnds(given)}`);
  const { success, issues, output } = v.safeParse(DocumentSchema, document.value);
  if (success) return { ok: true, policy: { kind: 'document', rules: output.rules } };
  return { ok: false, mistakes: issues.slice(0, MISTAKES_REPORTED).map(described) };
}

function mistaken(message: string): PolicyResult {
  return { ok: false, mistakes: [`the document: ${message}`] };
}

/** Where the text stops to be JSON, as far as the engine tells. */
function whereItEnds(given: string): string {
  try {
    JSON.parse(given);
    return '';
  } catch (error) {
    const [where] = /line \d+ column \d+/.exec(String(error)) ?? [];
    return where === undefined ? '' : `, and is none from ${where} on`;
  }
}

function described(issue: v.BaseIssue<unknown>): string {
  const path = (issue.path ?? []).map(({ key }, index) =>
    typeof key === 'number' ? `[${String(key)}]` : `${index === 0 ? '' : '.'}${echoed(String(key))}`,
  );
  return `${path.join('') || 'the document'}: ${reason(issue)}`;
}

/** valibot's own words are for programmers. */
function reason(issue: v.BaseIssue<unknown>): string {
  if (issue.type !== 'strict_object') return issue.message;
  if (issue.expected === 'never') return 'is not known here; docs/policy.md has every key';
  return issue.received === 'undefined' ? 'is missing' : 'must be an object';
}

function echoed(key: string): string {
  const isPlain = /^\w+$/.test(key) && key.length <= LONGEST_ECHO_CHARACTERS;
  return isPlain ? key : JSON.stringify(key.slice(0, LONGEST_ECHO_CHARACTERS));
}

/** The 30th of February is none, which `Date` would take for the 2nd of March. */
function isInstant(given: string): boolean {
  if (!INSTANT.test(given) || Number.isNaN(Date.parse(given))) return false;
  const [year, month, day] = given.slice(0, 10).split('-').map(Number);
  return new Date(Date.UTC(year ?? 0, (month ?? 1) - 1, day)).toISOString().startsWith(given.slice(0, 10));
}
