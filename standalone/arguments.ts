/**
 * The options of `npm start -- …`, parsed once. Pure: it opens nothing and looks nothing up.
 * Every mistake is one line that says what to type instead.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { parseArgs } from 'node:util';

const DEFAULT_PORT = 8787;
const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_DATA_DIRECTORY = '.berth';
const HIGHEST_PORT = 65_535;

export interface ServeCommand {
  readonly kind: 'serve';
  /** 0 lets the system choose a free one. */
  readonly port: number;
  /** An IP address; a name is never looked up, so that what is loopback and what is not can't change under us. */
  readonly host: string;
  /** As it was typed; relative to the working directory. */
  readonly data: string;
}

export type Command =
  | ServeCommand
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'mistake'; readonly message: string };

export const HELP = `Serves a Berth registry on this machine.

  npm start -- [options]

  --port N     the port to listen on (${String(DEFAULT_PORT)}); 0 takes a free one
  --host H     the IP address to listen on, or localhost (${DEFAULT_HOST})
  --data DIR   where everything is kept (${DEFAULT_DATA_DIRECTORY})
  --version    prints the version
  --help       prints this

Settings are environment variables that start with BERTH_; docs/configuration.md explains each.`;

const VALUE_OPTIONS = ['port', 'host', 'data'] as const;
type ValueOption = (typeof VALUE_OPTIONS)[number];

const EXAMPLES: Record<ValueOption, string> = { port: '8788', host: '127.0.0.1', data: '/srv/berth' };

export function parseArguments(words: readonly string[]): Command {
  // Not strict: the messages of strict mode are written for programmers, and the tokens tell all that ours need.
  const { tokens } = parseArgs({
    args: [...words],
    options: {
      port: { type: 'string' },
      host: { type: 'string' },
      data: { type: 'string' },
      version: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values: Record<ValueOption, string> = {
    port: String(DEFAULT_PORT),
    host: DEFAULT_HOST,
    data: DEFAULT_DATA_DIRECTORY,
  };
  let asked: 'help' | 'version' | undefined;
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional')
      return mistake(
        `${quote(token.value)} is not an option. Options go behind two dashes: npm start -- --port ${EXAMPLES.port}`,
      );
    if (token.name === 'help' || token.name === 'version') {
      if (token.value !== undefined) return mistake(`${token.rawName} takes no value: npm start -- ${token.rawName}`);
      asked ??= token.name;
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
  return { kind: 'serve', port, host, data: values.data };
}

function mistake(message: string): Command {
  return { kind: 'mistake', message };
}

function quote(text: string): string {
  return JSON.stringify(text);
}

function parsePort(text: string): number | undefined {
  if (!/^\d{1,5}$/.test(text)) return undefined;
  const port = Number(text);
  return port <= HIGHEST_PORT ? port : undefined;
}

function parseHost(text: string): string | undefined {
  // The name is taken for what it means, whatever the hosts file says; clients that try ::1 first fall back.
  if (text === 'localhost') return DEFAULT_HOST;
  const address = /^\[(.*)\]$/.exec(text)?.[1] ?? text;
  // A zone (fe80::1%eth0) has no place in a URL, so nobody could type the address that is announced.
  if (address.includes('%')) return undefined;
  return isIPv4(address) || isIPv6(address) ? address : undefined;
}
