/**
 * A setting that is a JSON document, checked as a whole: one with any mistake is none, and each mistake is told by path and
 * reason. An unknown key may be a misspelt one, and to ignore that would open what it was meant to close.
 */
import * as v from 'valibot';
import { parseJsonDocument } from '../oci/json-document.ts';

export const MISTAKES_REPORTED = 10;
/** A path or value of the document in a message. */
const LONGEST_ECHO_CHARACTERS = 60;
/** No character that would break the line of a terminal or a log. */
export const PRINTABLE = /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]+$/;

export function isLine(given: string, most: number): boolean {
  return given.length <= most && PRINTABLE.test(given);
}

export interface DocumentForm<Schema> {
  readonly schema: Schema;
  readonly longestCharacters: number;
  /** Of its JSON. */
  readonly maxDepth: number;
  /** Where every key is explained. */
  readonly page: string;
}

export type DocumentResult<Value> =
  | { readonly ok: true; readonly value: Value }
  /** Each is a path and a reason: `rules[2].actions[0]: must be …`. */
  | { readonly ok: false; readonly mistakes: readonly string[] };

/** Never throws. */
export function parseSettingDocument<const Schema extends v.GenericSchema>(
  given: string,
  { schema, longestCharacters, maxDepth, page }: DocumentForm<Schema>,
): DocumentResult<v.InferOutput<Schema>> {
  if (given.length > longestCharacters) {
    return wholeMistake(`must have at most ${String(longestCharacters)} characters`);
  }
  const document = parseJsonDocument(new TextEncoder().encode(given), maxDepth);
  if (!document.ok) return wholeMistake(`${document.message}${whereItEnds(given)}`);
  const { success, issues, output } = v.safeParse(schema, document.value);
  if (success) return { ok: true, value: output };
  // A value that breaks two rules which say the same is one mistake.
  const mistakes = new Set(issues.map((issue) => described(issue, page)));
  return { ok: false, mistakes: [...mistakes].slice(0, MISTAKES_REPORTED) };
}

export const text = v.string('must be a string');

export function line(most: number) {
  return v.pipe(
    text,
    v.maxLength(most, `must have at most ${String(most)} characters`),
    v.regex(PRINTABLE, 'must be one line of text, and not empty'),
  );
}

export function list<const Item extends v.GenericSchema>(item: Item, most: number) {
  return v.pipe(
    v.array(item, 'must be a list'),
    v.minLength(1, 'must not be empty'),
    v.maxLength(most, `must have at most ${String(most)} entries`),
  );
}

/** A check of a list of things with names: no two have the same. */
export function namedOnce<Item extends { readonly name: string }>(kind: string) {
  return v.rawCheck<Item[]>(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const names = dataset.value.map(({ name }) => name);
    const repeated = names.find((name, index) => names.indexOf(name) !== index);
    if (repeated !== undefined) addIssue({ message: `two ${kind} are named ${JSON.stringify(repeated)}` });
  });
}

/** Of the document as a whole. */
export function wholeMistake(message: string): { readonly ok: false; readonly mistakes: readonly string[] } {
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

function described(issue: v.BaseIssue<unknown>, page: string): string {
  const path = (issue.path ?? []).map(({ key }, index) =>
    typeof key === 'number' ? `[${String(key)}]` : `${index === 0 ? '' : '.'}${echoed(String(key))}`,
  );
  return `${path.join('') || 'the document'}: ${reason(issue, page)}`;
}

/** valibot's own words are for programmers. */
function reason(issue: v.BaseIssue<unknown>, page: string): string {
  if (issue.type !== 'strict_object' && issue.type !== 'loose_object') return issue.message;
  if (issue.expected === 'never') return `is not known here; ${page} has every key`;
  return issue.received === 'undefined' ? 'is missing' : 'must be an object';
}

function echoed(key: string): string {
  const isPlain = /^\w+$/.test(key) && key.length <= LONGEST_ECHO_CHARACTERS;
  return isPlain ? key : JSON.stringify(key.slice(0, LONGEST_ECHO_CHARACTERS));
}
