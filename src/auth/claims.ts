/**
 * What the token of a job says of it (RFC 7519 §4), and conditions on that, as trusts and rules of the policy have them. Pure.
 *
 * A condition holds for the whole value of a claim. `*` stands for any characters within one part of it, and never crosses a
 * `/` nor a `:`: those are what the parts of `acme/app` and of `repo:acme/app:ref:refs/heads/main` are divided by, and a star
 * that went on would let somebody else's name, or another branch, stand where one part was meant.
 */
import * as v from 'valibot';
import { isLine, line, list, text } from './setting-document.ts';
import { fits, wordsOf, type Words } from './stars.ts';

/** Conditions of one trust or rule; values that one condition takes. */
const MOST_CLAIM_CONDITIONS = 20;
const MOST_CLAIM_VALUES = 50;
const LONGEST_CLAIM_NAME_CHARACTERS = 128;
export const LONGEST_CLAIM_CHARACTERS = 255;
/** Of a token, so much is carried: what a token of GitHub's or GitLab's says fits, and a header has room for it. */
const MOST_CARRIED_CLAIMS = 60;
const MOST_CARRIED_CHARACTERS = 3_000;
const MOST_LISTED_VALUES = 50;
/** They say for whom and for how long the token itself is, and nothing of the job. */
const OF_THE_TOKEN: ReadonlySet<string> = new Set(['iss', 'aud', 'exp', 'nbf', 'iat', 'jti']);
/** What the parts of a value are divided by. */
const DIVIDERS = /([/:])/;

/** By name. A list is there for groups alone: no condition looks into one. */
export type Claims = Readonly<Record<string, string | readonly string[]>>;

export const NO_CLAIMS: Claims = {};

/** Not what every object has, such as `constructor`. */
export function claimOf(claims: Claims, name: string): string | readonly string[] | undefined {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}

export interface ClaimPattern {
  readonly text: string;
  /** Parts and dividers in turn. */
  readonly parts: readonly Words[];
}

/** One claim and the patterns of which one has to fit it. */
export interface ClaimCondition {
  readonly name: string;
  readonly patterns: readonly ClaimPattern[];
}

export function parseClaimPattern(given: string): ClaimPattern {
  return { text: given, parts: given.split(DIVIDERS).map(wordsOf) };
}

export function matchesClaim({ parts }: ClaimPattern, value: string): boolean {
  const given = value.split(DIVIDERS);
  return given.length === parts.length && parts.every((words, index) => fits(words, given[index] ?? ''));
}

/** The first that does not hold. */
export function unmetClaim(conditions: readonly ClaimCondition[], claims: Claims): ClaimCondition | undefined {
  return conditions.find(({ name, patterns }) => {
    const value = claimOf(claims, name);
    return typeof value !== 'string' || !patterns.some((pattern) => matchesClaim(pattern, value));
  });
}

const claimPattern = v.pipe(
  line(LONGEST_CLAIM_CHARACTERS),
  v.check(
    (given) => !given.includes('**'),
    'must not have two stars in a row: a star stands for one part of a value, and what may be anything needs no condition',
  ),
  v.transform(parseClaimPattern),
);
const patterns = v.pipe(
  v.union(
    [
      v.pipe(
        text,
        v.transform((given) => [given]),
      ),
      v.array(text),
    ],
    'must be a value, or a list of values',
  ),
  list(claimPattern, MOST_CLAIM_VALUES),
);
const conditionName = v.pipe(
  line(LONGEST_CLAIM_NAME_CHARACTERS),
  v.check((name) => !OF_THE_TOKEN.has(name), 'is of the token itself, and says nothing of the job'),
);

/** `{ "<claim>": "<pattern>" or ["<pattern>", …], … }`. Each key is looked at, those too that every object has. */
export const claimConditions = v.pipe(
  v.custom<object>(isPlainObject, 'must be an object of claims and what they have to be'),
  v.rawTransform(({ dataset, addIssue, NEVER }): readonly ClaimCondition[] => {
    const given: [string, unknown][] = Object.entries(dataset.value);
    if (given.length === 0) addIssue({ message: 'must not be empty' });
    if (given.length > MOST_CLAIM_CONDITIONS) {
      addIssue({ message: `must have at most ${String(MOST_CLAIM_CONDITIONS)} claims` });
      return NEVER;
    }
    const conditions = given.flatMap(([key, value]): ClaimCondition[] => {
      const at = { type: 'object', origin: 'value', input: { ...dataset.value }, key, value } as const;
      const name = v.safeParse(conditionName, key);
      const parsed = v.safeParse(patterns, value);
      for (const issue of [...(name.issues ?? []), ...(parsed.issues ?? [])]) {
        addIssue({ message: issue.message, path: [at, ...(issue.path ?? [])] });
      }
      return parsed.success ? [{ name: key, patterns: parsed.output }] : [];
    });
    return conditions.length === given.length ? conditions : NEVER;
  }),
);

function isPlainObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The name of a claim, where one is named alone. */
export const claimName = line(LONGEST_CLAIM_NAME_CHARACTERS);

/**
 * What of a token's claims is of use: text, and numbers and truth values as text, those in `first` before all others and as
 * far as there is room. What is left out meets no condition, so nothing is opened by it.
 *
 * @param listed the claim that is taken as a list of texts, where there is one
 */
export function carriedClaims(
  payload: Readonly<Record<string, unknown>>,
  first: readonly string[],
  listed: string | undefined,
): Claims {
  const carried = new Map<string, string | readonly string[]>();
  let characters = 0;
  for (const name of new Set([...first, ...Object.keys(payload)])) {
    if (!Object.hasOwn(payload, name) || OF_THE_TOKEN.has(name) || name.length > LONGEST_CLAIM_NAME_CHARACTERS)
      continue;
    const value = name === listed ? listOf(payload[name]) : textOf(payload[name]);
    if (value === undefined) continue;
    const size = name.length + (typeof value === 'string' ? value.length : value.join().length);
    if (carried.size >= MOST_CARRIED_CLAIMS || characters + size > MOST_CARRIED_CHARACTERS) continue;
    carried.set(name, value);
    characters += size;
  }
  // Its keys are its own, whatever they are called.
  return Object.fromEntries(carried);
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return isLine(value, LONGEST_CLAIM_CHARACTERS) ? value : undefined;
  const isPlain = typeof value === 'boolean' || (typeof value === 'number' && Number.isSafeInteger(value));
  return isPlain ? String(value) : undefined;
}

/** One text is a list of one. */
function listOf(value: unknown): readonly string[] | undefined {
  if (typeof value === 'string') return isLine(value, LONGEST_CLAIM_CHARACTERS) ? [value] : undefined;
  if (!Array.isArray(value)) return undefined;
  const texts = value.filter((one): one is string => typeof one === 'string' && isLine(one, LONGEST_CLAIM_CHARACTERS));
  return texts.slice(0, MOST_LISTED_VALUES);
}
