/**
 * The lines of an htpasswd file (Apache's `htpasswd -B`), as registries take them: `name:$2y$…`, bcrypt alone. Pure. Any line
 * that would open nothing, or could be taken for another, is a mistake: an operator hears of it when it is loaded, not when
 * somebody can't sign in. What is said of a line is its number and its name, never its hash.
 */
import { createHash } from 'node:crypto';
import { ConfigurationError, type Config } from '../config.ts';

/** Whoever has more people than this has a directory of them. */
const MOST_LINES = 10_000;
const MOST_PROBLEMS = 10;
/** Names go into rules and patterns, where `/`, `*` and braces mean something. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$/;
/** crypt(3): version, cost, 22 characters of salt, 31 of hash. */
const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
const LOWEST_COST = 4;
const FINGERPRINT_CHARACTERS = 32;
const ECHOED_CHARACTERS = 60;

export interface HtpasswdLine {
  readonly name: string;
  readonly hash: string;
  /** The binary logarithm of the rounds: one more takes twice as long. */
  readonly cost: number;
  /** Changes with the password. Tells nothing of it: the hash that it is made of holds a salt of 128 bits. */
  readonly fingerprint: string;
}

export type Htpasswd = ReadonlyMap<string, HtpasswdLine>;

export type ParsedHtpasswd =
  { readonly kind: 'lines'; readonly lines: Htpasswd } | { readonly kind: 'mistakes'; readonly mistakes: string[] };

/** Empty lines and lines that begin with # are passed over. */
export function parseHtpasswd(text: string, maxCost: number): ParsedHtpasswd {
  const lines = new Map<string, HtpasswdLine>();
  const mistakes: string[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.replace(/\r$/, '');
    if (line.trim() === '' || line.startsWith('#')) continue;
    if (mistakes.length >= MOST_PROBLEMS) break;
    const entry = parseLine(line, maxCost);
    const where = `line ${String(index + 1)}`;
    if (typeof entry === 'string') mistakes.push(`${where} ${entry}`);
    else if (lines.has(entry.name)) mistakes.push(`${where} is a second one for ${entry.name}`);
    else lines.set(entry.name, entry);
    if (lines.size > MOST_LINES) return { kind: 'mistakes', mistakes: [`has more than ${String(MOST_LINES)} lines`] };
  }
  return mistakes.length === 0 ? { kind: 'lines', lines } : { kind: 'mistakes', mistakes };
}

const parsed = new WeakMap<object, Htpasswd>();

/** The lines of a registry's setting. Throws ConfigurationError with every mistake. */
export function htpasswdOf(config: Pick<Config, 'htpasswd' | 'htpasswdMaxCost'>): Htpasswd {
  const known = parsed.get(config);
  if (known !== undefined) return known;
  const result = parseHtpasswd(config.htpasswd, config.htpasswdMaxCost);
  if (result.kind === 'mistakes')
    throw new ConfigurationError(result.mistakes.map((mistake) => `BERTH_HTPASSWD ${mistake}`).join('; '));
  parsed.set(config, result.lines);
  return result.lines;
}

function parseLine(line: string, maxCost: number): HtpasswdLine | string {
  const colon = line.indexOf(':');
  // It may be a lone hash, or a password.
  if (colon === -1) return 'is not a name, a colon and a hash';
  const name = line.slice(0, colon);
  if (!NAME.test(name))
    return `has a name that is not 1 to 128 letters, digits and . _ @ + -: ${JSON.stringify(name.slice(0, ECHOED_CHARACTERS))}`;
  const hash = line.slice(colon + 1);
  const cost = Number(BCRYPT.exec(hash)?.[1]);
  if (Number.isNaN(cost))
    return `has a hash for ${name} that is not bcrypt's ($2a$, $2b$ or $2y$): htpasswd -B makes one`;
  if (cost < LOWEST_COST || cost > maxCost)
    return `has a hash for ${name} of cost ${String(cost)}, where BERTH_HTPASSWD_MAX_COST allows ${String(LOWEST_COST)} to ${String(maxCost)}`;
  return { name, hash, cost, fingerprint: fingerprintOf(line) };
}

function fingerprintOf(line: string): string {
  return createHash('sha256').update(line).digest('hex').slice(0, FINGERPRINT_CHARACTERS);
}

/** What a token or refresh token is bound to that was made for a line: it dies with the line, and with its password. */
export function htpasswdMark({ name, fingerprint }: HtpasswdLine): string {
  return `htpasswd:${name}:${fingerprint}`;
}

/** The line that a mark is of, as long as it stands. */
export function lineOfMark(lines: Htpasswd, mark: string): HtpasswdLine | undefined {
  const [kind, name = ''] = mark.split(':');
  const line = kind === 'htpasswd' ? lines.get(name) : undefined;
  return line !== undefined && htpasswdMark(line) === mark ? line : undefined;
}
