/** A value that somebody gave to a setting, where they did, and what is wrong with it. Pure. */
import type { Setting } from './setting.ts';

export type Origin =
  | { readonly kind: 'flag'; readonly flag: string }
  | { readonly kind: 'environment'; readonly variable: string }
  /** The settings file, and the key in it. */
  | { readonly kind: 'file'; readonly file: string; readonly key: string };

export interface Given {
  readonly setting: Setting;
  /** As a shell would give it. */
  readonly text: string;
  readonly origin: Origin;
}

/** `path` is where somebody has to look, `message` goes on after it, and says what to type instead. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

/** `--port`, `BERTH_PORT`, or `berth.toml: port`. */
export function placeOf(origin: Origin): string {
  switch (origin.kind) {
    case 'flag':
      return origin.flag;
    case 'environment':
      return origin.variable;
    case 'file':
      return `${origin.file}: ${origin.key}`;
  }
}

export function lineOf({ path, message }: Problem): string {
  return `${path} ${message}`;
}

const LONGEST_QUOTE = 100;

/** Of an address: who signs in there, and with what. */
const CREDENTIALS = /(?<=:\/\/)[^/?#"]*@/g;

/** What somebody typed, harmless for a terminal, and without the credentials of an address. */
export function quote(value: unknown): string {
  const typed = typeof value === 'number' || typeof value === 'bigint' ? String(value) : JSON.stringify(value);
  const text = typed.replace(CREDENTIALS, '***@');
  return text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text;
}
