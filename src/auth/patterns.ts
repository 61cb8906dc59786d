/**
 * Patterns of repositories and of tags, as policies and limits of credentials have them.
 *
 * A pattern of repositories is made of components, as a name is. `*` stands for any characters of one component, none
 * included, and never crosses a slash; a component that is `**` stands for one or more whole ones; `{user}` for the name of
 * the person who asks, and `{claim:NAME}` for what the token of a job says there. Everything else stands for itself. Matching
 * takes at most the product of both lengths (stars.ts), whatever the pattern.
 */
import { isNameComponent, type RepositoryName } from '../oci/repository-name.ts';
import type { Tag } from '../oci/reference.ts';
import { claimOf, NO_CLAIMS, type Claims } from './claims.ts';
import { fits, wordsOf, type Words } from './stars.ts';

/** As a repository name, so that no pattern is longer than what it could match. */
const LONGEST_PATTERN_CHARACTERS = 255;

const ANY_DEPTH = '**';
const OWN_NAME = '{user}';
const CLAIM = /^\{claim:([A-Za-z0-9_.-]{1,128})\}$/;
const CLAIM_BEGINS = '{claim:';
const COMPONENT = /^[a-z0-9._*-]+$/;
const TAG_PATTERN = /^[a-zA-Z0-9_.*-]+$/;

/** One component; the caller's own name; or as many components as a claim of the caller's has. */
type Part = Words | typeof OWN_NAME | { readonly claim: string };

export interface Pattern {
  readonly text: string;
  /** The parts between one `**` and the next; a pattern without any is one run. */
  readonly runs: readonly (readonly Part[])[];
  readonly hasClaims: boolean;
}

export type PatternResult =
  { readonly ok: true; readonly pattern: Pattern } | { readonly ok: false; readonly message: string };

/** Never throws; a message says what to mend. */
export function parsePattern(text: string): PatternResult {
  if (text === '') return problem('must not be empty');
  if (text.length > LONGEST_PATTERN_CHARACTERS) {
    return problem(`must have at most ${String(LONGEST_PATTERN_CHARACTERS)} characters`);
  }
  const runs: Part[][] = [[]];
  for (const component of text.split('/')) {
    if (component === ANY_DEPTH) runs.push([]);
    else if (component === OWN_NAME) runs.at(-1)?.push(OWN_NAME);
    else if (CLAIM.test(component)) runs.at(-1)?.push({ claim: component.slice(CLAIM_BEGINS.length, -1) });
    else if (component === '') return problem('must not begin or end with a slash, or have two in a row');
    else if (component.includes(OWN_NAME))
      return problem('has {user} beside other characters: it is a component alone');
    else if (component.includes(CLAIM_BEGINS))
      return problem('has {claim:…} that is no component alone, or names no claim');
    else if (component.includes(ANY_DEPTH)) return problem('has ** beside other characters: it is a component alone');
    else if (!COMPONENT.test(component)) {
      return problem('may have lower-case letters, digits, . _ - / and *, and {user} or {claim:NAME} as a component');
    } else runs.at(-1)?.push(wordsOf(component));
  }
  return { ok: true, pattern: { text, runs, hasClaims: runs.flat().some(isClaim) } };
}

/**
 * @param own the name of the person who asks; where it can be no component of a name, `{user}` stands for nothing
 * @param claims of the job that asks; where one is missing, or is no part of a name, the pattern matches nothing
 */
export function matchesRepository(
  pattern: Pattern,
  repository: RepositoryName,
  own: string | undefined,
  claims: Claims = NO_CLAIMS,
): boolean {
  const runs = pattern.hasClaims ? filled(pattern.runs, claims) : pattern.runs;
  if (runs === undefined) return false;
  const components = repository.split('/');
  const fitsAt = (run: readonly Part[], start: number): boolean =>
    run.every((part, index) => fitsComponent(part, components[start + index], own));
  const [first = [], ...rest] = runs;
  const last = rest.pop();
  if (last === undefined) return first.length === components.length && fitsAt(first, 0);
  const end = components.length - last.length;
  if (first.length >= end || !fitsAt(first, 0) || !fitsAt(last, end)) return false;
  let at = first.length;
  for (const run of rest) {
    let start = at + 1;
    while (start + run.length < end && !fitsAt(run, start)) start += 1;
    at = start + run.length;
    if (at >= end) return false;
  }
  return true;
}

/** Whether the pattern matches every repository that there could be. */
export function matchesEverything({ text }: Pattern): boolean {
  return text === ANY_DEPTH;
}

/** Why a pattern of tags is none; in it `*` stands for any characters. */
export function tagPatternProblem(text: string): string | undefined {
  if (text.length > LONGEST_PATTERN_CHARACTERS) {
    return `must have at most ${String(LONGEST_PATTERN_CHARACTERS)} characters`;
  }
  return TAG_PATTERN.test(text) ? undefined : 'may have letters, digits, _ . - and *';
}

export function matchesTag(pattern: string, tag: Tag): boolean {
  return fits(wordsOf(pattern), tag);
}

/** The name that `{user}` stands for. */
export function ownComponent(name: string): string | undefined {
  return isNameComponent(name) ? name : undefined;
}

function isClaim(part: Part): part is { readonly claim: string } {
  return typeof part === 'object' && 'claim' in part;
}

/** With what the claims say in their places. */
function filled(runs: Pattern['runs'], claims: Claims): Pattern['runs'] | undefined {
  const result: Part[][] = [];
  for (const run of runs) {
    const parts: Part[] = [];
    for (const part of run) {
      const said = isClaim(part) ? componentsOf(claimOf(claims, part.claim)) : [part];
      if (said === undefined) return undefined;
      parts.push(...said);
    }
    result.push(parts);
  }
  return result;
}

function componentsOf(value: ReturnType<typeof claimOf>): Part[] | undefined {
  const components = typeof value === 'string' ? value.split('/') : [];
  return components.length > 0 && components.every(isNameComponent) ? components.map((one) => [one]) : undefined;
}

function fitsComponent(part: Part, component: string | undefined, own: string | undefined): boolean {
  if (component === undefined || isClaim(part)) return false;
  return part === OWN_NAME ? component === own : fits(part, component);
}

function problem(message: string): PatternResult {
  return { ok: false, message };
}
