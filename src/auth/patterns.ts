/**
 * Patterns of repositories and of tags, as policies and limits of credentials have them.
 *
 * A pattern of repositories is made of components, as a name is. `*` stands for any characters of one component, none
 * included, and never crosses a slash; a component that is `**` stands for one or more whole ones; `{user}` for the name of
 * the person who asks. Everything else stands for itself.
 *
 * Nothing is ever tried twice: a run of literal text is looked for from left to right, and the first place where it fits
 * is as good as any other. So matching takes at most the product of both lengths, whatever the pattern.
 */
import { isNameComponent, type RepositoryName } from '../oci/repository-name.ts';
import type { Tag } from '../oci/reference.ts';

/** As a repository name, so that no pattern is longer than what it could match. */
const LONGEST_PATTERN_CHARACTERS = 255;

const ANY_DEPTH = '**';
const OWN_NAME = '{user}';
const COMPONENT = /^[a-z0-9._*-]+$/;
const TAG_PATTERN = /^[a-zA-Z0-9_.*-]+$/;

/** The text between the stars of one component, or the caller's own name. */
type Part = readonly string[] | typeof OWN_NAME;

export interface Pattern {
  readonly text: string;
  /** The parts between one `**` and the next; a pattern without any is one run. */
  readonly runs: readonly (readonly Part[])[];
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
    else if (component === '') return problem('must not begin or end with a slash, or have two in a row');
    else if (component.includes(OWN_NAME))
      return problem('has {user} beside other characters: it is a component alone');
    else if (component.includes(ANY_DEPTH)) return problem('has ** beside other characters: it is a component alone');
    else if (!COMPONENT.test(component)) {
      return problem('may have lower-case letters, digits, . _ - / and *, and {user} as a component');
    } else runs.at(-1)?.push(component.split('*'));
  }
  return { ok: true, pattern: { text, runs } };
}

/** @param own the name of the person who asks; where it can be no component of a name, `{user}` stands for nothing */
export function matchesRepository({ runs }: Pattern, repository: RepositoryName, own: string | undefined): boolean {
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
  return fits(pattern.split('*'), tag);
}

/** The name that `{user}` stands for. */
export function ownComponent(name: string): string | undefined {
  return isNameComponent(name) ? name : undefined;
}

function fitsComponent(part: Part, component: string | undefined, own: string | undefined): boolean {
  if (component === undefined) return false;
  return part === OWN_NAME ? component === own : fits(part, component);
}

/** Whether the text has these words in this order, the first at its start and the last at its end. */
function fits(words: readonly string[], text: string): boolean {
  const first = words[0] ?? '';
  if (words.length === 1) return text === first;
  const last = words.at(-1) ?? '';
  const end = text.length - last.length;
  if (first.length > end || !text.startsWith(first) || !text.endsWith(last)) return false;
  let at = first.length;
  for (let index = 1; index < words.length - 1; index += 1) {
    const word = words[index] ?? '';
    const found = text.indexOf(word, at);
    if (found === -1 || found + word.length > end) return false;
    at = found + word.length;
  }
  return true;
}

function problem(message: string): PatternResult {
  return { ok: false, message };
}
