/**
 * What a row of the table of settings is (program-settings.ts, worker-settings.ts; table.ts puts them together), and what
 * a valibot schema tells of itself, so that help, documents and suggestions repeat no type, bound or default.
 */
import * as v from 'valibot';

/** As --help shows them, most used first. */
export const GROUPS = {
  serving: 'Where it listens, and what it keeps',
  people: 'Who may do what',
  web: 'How it is reached: TLS, proxies, web pages',
  terminal: 'What it prints',
  events: 'Who is told of what happens',
  limits: 'Limits and times',
  secrets: 'Secrets, each from a file that only its owner can read, or from the environment',
} as const;
export type Group = keyof typeof GROUPS;

/** Takes text, as a shell gives it, or undefined where there is none. */
export type SettingSchema = v.GenericSchema<string | undefined, unknown>;

export interface Row {
  readonly group: Group;
  /** For --help: what it does, in a line or two, without a full stop. Of one that is on unless it is switched off, what that does. */
  readonly doc: string;
  /** What stands for the value in --help, such as `N`. A setting that is on or off has none. */
  readonly value?: string;
  /** A value that somebody may type, unless the schema lists them all. */
  readonly example?: string;
  /**
   * `file`, `directory`: the value is a path. `document`: it is the text of a file, whose path the flag and the key give; so may
   * the variable, by a path that begins with `/`, `./` or `../`, and otherwise it holds the text. `list`: commas in a
   * flag and a variable, an array in the file.
   */
  readonly holds?: 'file' | 'directory' | 'document' | 'list';
  /** It has no flag, and no message has its value. A setting `NAME-file` is made for it. */
  readonly isSecret?: true;
  /** It has no effect here: only its variable is known. */
  readonly isForCloudflare?: true;
  /** What `npm start` uses unless it is set, where that is not the Worker's default. */
  readonly ownDefault?: string;
}

export interface Setting extends Row {
  /** The key in a settings file: `public-url`. */
  readonly name: string;
  /** `--public-url`; undefined for what a list of processes must not show. */
  readonly flag: string | undefined;
  /** `BERTH_PUBLIC_URL` */
  readonly variable: string;
  readonly schema: SettingSchema;
  readonly reader: 'program' | 'worker';
  /** Of `admin-password-file`: `admin-password`. */
  readonly fileOf?: string;
}

export const VARIABLE_PREFIX = 'BERTH_';

export function variableOf(name: string): string {
  return `${VARIABLE_PREFIX}${name.toUpperCase().replaceAll('-', '_')}`;
}

export function nameOf(variable: string): string {
  return variable.slice(VARIABLE_PREFIX.length).toLowerCase().replaceAll('_', '-');
}

export type Shape =
  | { readonly kind: 'switch' }
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'number'; readonly least: number; readonly most: number }
  | { readonly kind: 'text' };

const Optional = v.looseObject({ type: v.literal('optional'), wrapped: v.looseObject({}), default: v.unknown() });
const Picklist = v.looseObject({ type: v.literal('picklist'), options: v.array(v.string()) });
const Piped = v.looseObject({
  pipe: v.array(v.looseObject({ type: v.string(), requirement: v.optional(v.unknown()) })),
});

/** What values a schema takes, read from the schema itself. */
export function shapeOf(schema: SettingSchema): Shape {
  const inner = v.is(Optional, schema) ? schema.wrapped : schema;
  if (v.is(Picklist, inner)) {
    const words = inner.options;
    return isSwitch(words) ? { kind: 'switch' } : { kind: 'words', words };
  }
  if (!v.is(Piped, inner)) return { kind: 'text' };
  const requirement = (type: string): unknown => inner.pipe.find((action) => action.type === type)?.requirement;
  const [least, most] = [requirement('min_value'), requirement('max_value')];
  return typeof least === 'number' && typeof most === 'number' ? { kind: 'number', least, most } : { kind: 'text' };
}

function isSwitch(words: readonly string[]): boolean {
  return words.length === 2 && words.includes('on') && words.includes('off');
}

/** The value that is taken where none is given, as somebody would type it. */
export function defaultOf({ schema, ownDefault }: Pick<Setting, 'schema' | 'ownDefault'>): string | undefined {
  if (ownDefault !== undefined) return ownDefault;
  return v.is(Optional, schema) && typeof schema.default === 'string' ? schema.default : undefined;
}
