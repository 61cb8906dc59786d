/**
 * The options of `npm run copy -- …`, parsed once. Pure: it opens nothing and asks nobody.
 * Every mistake is one line that says what to type instead, and repeats no password.
 */
import { parseArgs } from 'node:util';
import { parseRepositoryName, type RepositoryName } from '../../src/oci/repository-name.ts';
import type { Credentials, RegistryAddress } from '../registry/address.ts';
import { quoted } from '../registry/outcome.ts';

const DEFAULT_PARALLEL = 4;
const MOST_PARALLEL = 16;
/** Smaller chunks are nothing but requests. */
const LEAST_CHUNK_BYTES = 65_536;

const PASSWORDS = { from: 'BERTH_COPY_FROM_PASSWORD', to: 'BERTH_COPY_TO_PASSWORD' } as const;

export interface CopyOptions {
  readonly from: RegistryAddress;
  readonly to: RegistryAddress;
  /** Named one by one. With no name and no file it is all that the source's catalog lists. */
  readonly repositories: readonly RepositoryName[];
  /** A file that names more of them. */
  readonly repositoriesFile: string | undefined;
  /** How many things are under way at once. */
  readonly parallel: number;
  /** Undefined: a blob goes in one request, however large. */
  readonly chunkBytes: number | undefined;
  /** Where the report goes as JSON. */
  readonly reportFile: string | undefined;
  readonly dryRun: boolean;
}

export type Command =
  | { readonly kind: 'copy'; readonly options: CopyOptions }
  | { readonly kind: 'help' }
  | { readonly kind: 'mistake'; readonly message: string };

export const HELP = `Copies all repositories of one registry into another.

  npm run copy -- --from http://old:5000 --to http://127.0.0.1:8787 [options]

  --from URL            the registry to copy from; http:// or https://, and no path
  --to URL              the registry to copy to
  --from-user NAME      who asks at the source; its password is in ${PASSWORDS.from}
  --to-user NAME        who pushes at the target; its password is in ${PASSWORDS.to}
  --repository NAME     only this repository; may be given several times
  --repositories FILE   only those that the file names, one a line; # begins a comment
  --parallel N          how many things are under way at once, 1 to ${MOST_PARALLEL} (${DEFAULT_PARALLEL})
  --chunk-size SIZE     sends larger blobs in pieces of this size, for example 64MiB, where
                        something before the target limits the size of a request
  --json FILE           writes a report
  --dry-run             says what would be copied, and sends nothing
  --help, -h            prints this

Only what is missing is sent, so that a run that was interrupted is simply started again.
Exit code: 0 all of it is there, 1 something could not be copied, 2 typed wrongly.`;

const SINGLE = ['from', 'to', 'from-user', 'to-user', 'repositories', 'parallel', 'chunk-size', 'json'] as const;
type ValueOption = (typeof SINGLE)[number] | 'repository';

const EXAMPLES: Record<ValueOption, string> = {
  from: 'http://old:5000',
  to: 'http://127.0.0.1:8787',
  'from-user': 'ann',
  'to-user': 'ann',
  repository: 'team/app',
  repositories: 'names.txt',
  parallel: '8',
  'chunk-size': '64MiB',
  json: 'report.json',
};

/** @param environment where the passwords are: what is typed stands in the list of processes. */
export function parseArguments(
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Command {
  const { tokens } = parseArgs({
    args: [...words],
    options: {
      ...Object.fromEntries([...SINGLE, 'repository'].map((name) => [name, { type: 'string' as const }])),
      'dry-run': { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values = new Map<ValueOption, string>();
  const names: string[] = [];
  let dryRun = false;
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional')
      return mistake(`${quote(withoutPassword(token.value))} belongs to no option. ${LISTS}`);
    if (token.name === 'help' || token.name === 'dry-run') {
      if (token.value !== undefined) return mistake(`${token.rawName} takes no value.`);
      if (token.name === 'help') return { kind: 'help' };
      dryRun = true;
      continue;
    }
    const name = token.name === 'repository' ? token.name : SINGLE.find((option) => option === token.name);
    if (name === undefined) return mistake(`${quote(token.rawName)} is unknown. ${LISTS}`);
    // Without an equals sign the parser takes whatever follows, another option included.
    if (!token.value || (!token.inlineValue && token.value.startsWith('-'))) return mistake(needs(name));
    if (name === 'repository') names.push(token.value);
    else values.set(name, token.value);
  }

  const from = parseRegistry('from', values, environment);
  if (from.kind === 'mistake') return from;
  const to = parseRegistry('to', values, environment);
  if (to.kind === 'mistake') return to;
  if (from.address.url.origin === to.address.url.origin)
    return mistake(`--from and --to are the same registry, ${from.address.url.origin}: name two.`);
  const repositories: RepositoryName[] = [];
  for (const text of names) {
    const name = parseRepositoryName(text);
    if (name === undefined)
      return mistake(`--repository ${quote(text)} is no name of a repository, such as ${EXAMPLES.repository}.`);
    repositories.push(name);
  }
  const parallel = parseParallel(values.get('parallel'));
  if (parallel === undefined) return mistake(`--parallel needs a whole number from 1 to ${MOST_PARALLEL}.`);
  const chunkBytes = parseSize(values.get('chunk-size'));
  if (chunkBytes === 'wrong')
    return mistake(`--chunk-size needs a size of at least 64KiB, such as ${EXAMPLES['chunk-size']} or 90MB.`);
  return {
    kind: 'copy',
    options: {
      from: from.address,
      to: to.address,
      repositories,
      repositoriesFile: values.get('repositories'),
      parallel,
      chunkBytes,
      reportFile: values.get('json'),
      dryRun,
    },
  };
}

const LISTS = 'npm run copy -- --help lists the options.';

interface Mistake {
  readonly kind: 'mistake';
  readonly message: string;
}

function mistake(message: string): Mistake {
  return { kind: 'mistake', message };
}

function needs(option: ValueOption): string {
  return `--${option} needs a value, for example: npm run copy -- --${option} ${EXAMPLES[option]}`;
}

function quote(text: string): string {
  return JSON.stringify(quoted(text));
}

/** Whoever types a password in the wrong place should not find it on the screen again. */
function withoutPassword(text: string): string {
  return text.replace(/^(https?:\/\/)?[^/@]*@/i, '$1…@');
}

function parseRegistry(
  side: 'from' | 'to',
  values: ReadonlyMap<ValueOption, string>,
  environment: Readonly<Record<string, string | undefined>>,
): { readonly kind: 'address'; readonly address: RegistryAddress } | Mistake {
  const text = values.get(side);
  if (text === undefined) return mistake(needs(side));
  const password = PASSWORDS[side];
  if (/^[a-z]+:\/\/[^/]*@/i.test(text))
    return mistake(
      `--${side} must not hold a user and a password, which everyone could read in the list of processes: ` +
        `give --${side}-user NAME, and the password in the environment variable ${password}.`,
    );
  const url = /^https?:\/\//i.test(text) && URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined)
    return mistake(`--${side} ${quote(withoutPassword(text))} is no address of a registry, such as ${EXAMPLES[side]}.`);
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
    return mistake(
      `--${side} is the registry alone, ${url.origin}: a single repository is named by --repository ${EXAMPLES.repository}.`,
    );
  const credentials = parseCredentials(side, values.get(`${side}-user`), environment[password] ?? '');
  if (credentials !== undefined && 'kind' in credentials) return credentials;
  return { kind: 'address', address: { url, credentials } };
}

function parseCredentials(
  side: 'from' | 'to',
  user: string | undefined,
  password: string,
): Credentials | Mistake | undefined {
  const variable = PASSWORDS[side];
  if (user === undefined && password === '') return undefined;
  if (user === undefined)
    return mistake(`${variable} is set, but not whose password it is: give --${side}-user NAME too.`);
  if (password === '')
    return mistake(
      `--${side}-user needs the password in the environment variable ${variable}, for example: read -rs ${variable}; export ${variable}`,
    );
  // RFC 7617 §2: the first colon ends the name.
  if (user.includes(':')) return mistake(`--${side}-user must not hold a colon: give the name alone.`);
  return { user, password };
}

function parseParallel(text: string | undefined): number | undefined {
  if (text === undefined) return DEFAULT_PARALLEL;
  const number = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  return number >= 1 && number <= MOST_PARALLEL ? number : undefined;
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  kb: 1_000,
  mb: 1_000_000,
  gb: 1_000_000_000,
  kib: 1_024,
  mib: 1_024 ** 2,
  gib: 1_024 ** 3,
};

function parseSize(text: string | undefined): number | 'wrong' | undefined {
  if (text === undefined) return undefined;
  const [, digits = '', unit = ''] = /^(\d{1,12}) ?([kmg]i?b)?$/i.exec(text) ?? [];
  const bytes = Number(digits) * (UNITS[unit.toLowerCase()] ?? 0);
  return Number.isSafeInteger(bytes) && bytes >= LEAST_CHUNK_BYTES ? bytes : 'wrong';
}
