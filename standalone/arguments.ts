/**
 * The options of `npm start -- …`, parsed once. Pure: it opens nothing and looks nothing up.
 * Every mistake is one line that says what to type instead.
 */
import { parseArgs } from 'node:util';
import { DEFAULT_HOST, HIGHEST_PORT, parseHost, parsePort } from './address.ts';

const DEFAULT_PORT = 8787;
export const DEFAULT_DATA_DIRECTORY = '.berth';

/** `filesystem`: plain files. `r2`: the emulator of Cloudflare's bucket. */
export const STORAGE_KINDS = ['filesystem', 'r2'] as const;
export type StorageKind = (typeof STORAGE_KINDS)[number];

export interface ServeCommand {
  readonly kind: 'serve';
  /** 0 lets the system choose a free one. */
  readonly port: number;
  /** An IP address; a name is never looked up, so that what is loopback and what is not can't change under us. */
  readonly host: string;
  /** As it was typed; relative to the working directory. */
  readonly data: string;
  readonly storage: StorageKind;
  /** Whether what is acknowledged is to survive a power cut. */
  readonly sync: boolean;
  /** The file with the policy, as it was typed; relative to the working directory, as `data` is. */
  readonly policy: string | undefined;
  /** The file with names and passwords, in the same way. */
  readonly htpasswd: string | undefined;
  /** The file with the outside token server, in the same way. */
  readonly tokenServer: string | undefined;
  /** The file with the issuers whose jobs come in, in the same way. */
  readonly trusts: string | undefined;
  /** The file with the endpoints that are told of events, in the same way. */
  readonly endpoints: string | undefined;
}

export type Command =
  | ServeCommand
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'mistake'; readonly message: string };

export const HELP = `Serves a Berth registry on this machine.

  npm start -- [options]

  --port N     the port to listen on (${String(DEFAULT_PORT)}); 0 takes a free one
  --host H     the IP address to listen on, or localhost (${DEFAULT_HOST}), which is open
               to programs on this machine. Any other, and 0.0.0.0 for all of them, is
               closed until BERTH_ANONYMOUS=read or read-write opens it to everyone
  --data DIR   where everything is kept (${DEFAULT_DATA_DIRECTORY}), from the clone of Berth on where it is
               not absolute
  --storage S  filesystem: blobs are plain files (the default); r2: the emulator of
               Cloudflare's bucket, slower, for work on Berth itself
  --htpasswd F people who may sign in: a file of bcrypt lines, as htpasswd -B makes them;
               as BERTH_HTPASSWD
  --policy F   the file that says who may do what (docs/policy.md); as BERTH_POLICY
  --token-server F
               tokens come from another server: the file that names it and its keys
               (docs/token-server.md); as BERTH_TOKEN_SERVER
  --trusts F   whose CI jobs come in without a stored secret
               (docs/workload-identity.md); as BERTH_TRUSTS
  --endpoints F
               who is told of pushes, deletes and pulls: the file that names their URLs
               (docs/notifications.md); as BERTH_ENDPOINTS
  --no-sync    answers before the disk has the bytes: faster, but what was just
               pushed may not survive a power cut
  --version    prints the version
  --help, -h   prints this

Settings are environment variables that start with BERTH_; docs/configuration.md explains each.`;

const FILE_OPTIONS = ['policy', 'htpasswd', 'trusts', 'token-server', 'endpoints'] as const;
const VALUE_OPTIONS = ['port', 'host', 'data', 'storage', ...FILE_OPTIONS] as const;
type ValueOption = (typeof VALUE_OPTIONS)[number];
type FileOption = (typeof FILE_OPTIONS)[number];

const EXAMPLES: Record<ValueOption, string> = {
  port: '8788',
  host: '127.0.0.1',
  data: '/srv/berth',
  storage: 'r2',
  policy: '/etc/berth/policy.json',
  htpasswd: '/etc/berth/htpasswd',
  'token-server': '/etc/berth/token-server.json',
  trusts: '/etc/berth/trusts.json',
  endpoints: '/etc/berth/endpoints.json',
};

export function parseArguments(words: readonly string[]): Command {
  // Not strict: the messages of strict mode are written for programmers, and the tokens tell all that ours need.
  const { tokens } = parseArgs({
    args: [...words],
    options: {
      port: { type: 'string' },
      host: { type: 'string' },
      data: { type: 'string' },
      storage: { type: 'string' },
      policy: { type: 'string' },
      htpasswd: { type: 'string' },
      'token-server': { type: 'string' },
      trusts: { type: 'string' },
      endpoints: { type: 'string' },
      'no-sync': { type: 'boolean' },
      version: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values: Record<Exclude<ValueOption, FileOption>, string> & Partial<Record<FileOption, string>> = {
    port: String(DEFAULT_PORT),
    host: DEFAULT_HOST,
    data: DEFAULT_DATA_DIRECTORY,
    storage: 'filesystem',
  };
  let asked: 'help' | 'version' | undefined;
  let sync = true;
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    // npm takes options for its own unless two dashes stand before them, and passes on what is left.
    if (token.kind === 'positional')
      return mistake(
        tokens.some(({ kind }) => kind === 'option')
          ? `${quote(token.value)} belongs to no option. npm start -- --help lists the options.`
          : `${quote(token.value)} is not an option. Options go behind two dashes: npm start -- --port ${EXAMPLES.port}`,
      );
    if (token.name === 'help' || token.name === 'version' || token.name === 'no-sync') {
      if (token.value !== undefined) return mistake(`${token.rawName} takes no value: npm start -- ${token.rawName}`);
      if (token.name === 'no-sync') sync = false;
      else asked ??= token.name;
      continue;
    }
    const name = VALUE_OPTIONS.find((option) => option === token.name);
    if (name === undefined)
      return mistake(`${quote(token.rawName)} is unknown. npm start -- --help lists the options.`);
    // Without an equals sign the parser takes whatever follows, another option included.
    const missing =
      token.value === undefined || token.value === '' || (!token.inlineValue && token.value.startsWith('-'));
    if (missing) return mistake(`--${name} needs a value, for example: npm start -- --${name} ${EXAMPLES[name]}`);
    values[name] = token.value;
  }
  if (asked !== undefined) return { kind: asked };

  const port = parsePort(values.port);
  if (port === undefined)
    return mistake(
      `--port ${quote(values.port)} is not a port. Give a whole number from 0 to ${String(HIGHEST_PORT)}, for example: npm start -- --port ${EXAMPLES.port}`,
    );
  const host = parseHost(values.host);
  if (host === undefined)
    return mistake(
      `--host ${quote(values.host)} is not an IP address. Give one, or localhost, for example: npm start -- --host ${EXAMPLES.host}`,
    );
  const storage = STORAGE_KINDS.find((kind) => kind === values.storage);
  if (storage === undefined)
    return mistake(`--storage ${quote(values.storage)} is unknown. Give one of ${STORAGE_KINDS.join(' and ')}.`);
  const { data, policy, htpasswd, trusts, endpoints, 'token-server': tokenServer } = values;
  return { kind: 'serve', port, host, data, storage, sync, policy, htpasswd, trusts, tokenServer, endpoints };
}

function mistake(message: string): Command {
  return { kind: 'mistake', message };
}

function quote(text: string): string {
  return JSON.stringify(text);
}
