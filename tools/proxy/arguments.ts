/**
 * The words of `npx berth proxy …`, parsed once. Pure: it opens nothing and looks nothing up.
 * Every mistake is one line that says what to type instead, and no such line repeats a password.
 */
import { parseArgs } from 'node:util';
import { DEFAULT_HOST, HIGHEST_PORT, parseHost, parsePort } from '../../standalone/address.ts';
import { isLoopback } from '../../standalone/exposure.ts';

const KIB = 1024;
const MIB = KIB * KIB;
const MEGABYTE = 1_000_000;

const DEFAULT_PORT = 5050;
/** One of Berth's parts (src/objects/upload/). Several fit into the memory of a small program, for layers that come together. */
const DEFAULT_CHUNK_BYTES = 8 * MIB;
const LEAST_CHUNK_BYTES = MIB;
/** Below Cloudflare's 100 MB, which are 10^8 bytes: developers.cloudflare.com/workers/platform/limits, "Request limits". */
const MOST_CHUNK_BYTES = 90 * MIB;

export interface ProxyCommand {
  readonly kind: 'proxy';
  /** The registry: its origin alone, https or, where that was typed, http. */
  readonly upstream: URL;
  /** 0 lets the system choose a free one. */
  readonly port: number;
  /** An IP address. */
  readonly host: string;
  /** Whether requests may come from other machines, and may name any host. */
  readonly isOpen: boolean;
  readonly chunkBytes: number;
  /** A file of PEM certificates that take the place of those that Node trusts by itself. */
  readonly ca: string | undefined;
  /** A line for every request. */
  readonly isVerbose: boolean;
}

export type Command =
  | ProxyCommand
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'mistake'; readonly message: string };

export const HELP = `Stands between docker and a registry that refuses large request bodies, as Cloudflare
does, and cuts large layers into chunks while they pass.

  npx berth proxy https://registry.example [options]
  npm run proxy -- https://registry.example [options]

  --port N        the port to listen on (${String(DEFAULT_PORT)}); 0 takes a free one
  --host H        the IP address to listen on, or localhost (${DEFAULT_HOST})
  --chunk-size S  how large a chunk may be (8MiB), 1MiB to 90MiB
  --ca FILE       trusts the certificates in this PEM file, and no others
  --open          takes requests from other machines and under other names, which
                  --host with an address that is not loopback needs
  --verbose       prints a line for every request
  --version       prints the version
  --help, -h      prints this

docs/proxy.md tells when one needs it.`;

const VALUE_OPTIONS = ['port', 'host', 'chunk-size', 'ca'] as const;
type ValueOption = (typeof VALUE_OPTIONS)[number];
const EXAMPLES: Record<ValueOption, string> = {
  port: '5051',
  host: '127.0.0.1',
  'chunk-size': '32MiB',
  ca: 'ca.pem',
};
const SWITCHES = ['open', 'verbose', 'help', 'version'] as const;

const EXAMPLE = 'npx berth proxy https://registry.example';
const LISTS = 'npx berth proxy --help lists the options.';

export function parseArguments(words: readonly string[]): Command {
  // Not strict: the messages of strict mode are written for programmers, and the tokens tell all that ours need.
  const { tokens } = parseArgs({
    args: [...words],
    options: {
      ...Object.fromEntries(VALUE_OPTIONS.map((name) => [name, { type: 'string' as const }])),
      ...Object.fromEntries(SWITCHES.map((name) => [name, { type: 'boolean' as const }])),
      help: { type: 'boolean', short: 'h' },
    },
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values: Partial<Record<ValueOption, string>> = {};
  const switches = new Set<(typeof SWITCHES)[number]>();
  const addresses: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') {
      addresses.push(token.value);
      continue;
    }
    const name = VALUE_OPTIONS.find((option) => option === token.name);
    if (name !== undefined) {
      // Without an equals sign the parser takes whatever follows, another option included.
      if (!token.value || (!token.inlineValue && token.value.startsWith('-')))
        return mistake(`--${name} needs a value, for example: ${EXAMPLE} --${name} ${EXAMPLES[name]}`);
      values[name] = token.value;
      continue;
    }
    const chosen = SWITCHES.find((option) => option === token.name);
    if (chosen === undefined) return mistake(`${JSON.stringify(token.rawName)} is unknown. ${LISTS}`);
    if (token.value !== undefined) return mistake(`${token.rawName} takes no value: ${EXAMPLE} ${token.rawName}`);
    switches.add(chosen);
  }
  if (switches.has('help')) return { kind: 'help' };
  if (switches.has('version')) return { kind: 'version' };

  const [address, another] = addresses;
  if (address === undefined) return mistake(`Which registry? Type its address: ${EXAMPLE}`);
  if (another !== undefined)
    return mistake(`One registry at a time. Start another proxy with another --port for the second. ${LISTS}`);
  const upstream = parseUpstream(address);
  if (typeof upstream === 'string') return mistake(upstream);
  return withOptions(upstream, values, switches.has('open'), switches.has('verbose'));
}

function withOptions(
  upstream: URL,
  values: Readonly<Partial<Record<ValueOption, string>>>,
  isOpen: boolean,
  isVerbose: boolean,
): Command {
  const port = parsePort(values.port ?? String(DEFAULT_PORT));
  if (port === undefined)
    return mistake(
      `--port ${JSON.stringify(values.port)} is not a port. Give a whole number from 0 to ${String(HIGHEST_PORT)}, for example: --port ${EXAMPLES.port}`,
    );
  const host = parseHost(values.host ?? DEFAULT_HOST);
  if (host === undefined)
    return mistake(
      `--host ${JSON.stringify(values.host)} is not an IP address. Give one, or localhost, for example: --host ${EXAMPLES.host}`,
    );
  if (!isLoopback(host) && !isOpen)
    return mistake(
      `--host ${host} lets other machines in, whose passwords would come here over plain HTTP. Add --open if you mean that.`,
    );
  const chunkBytes = parseSize(values['chunk-size']);
  if (chunkBytes === undefined)
    return mistake(
      `--chunk-size ${JSON.stringify(values['chunk-size'])} will not do. Give 1MiB to 90MiB, with its unit MiB or MB, for example: --chunk-size ${EXAMPLES['chunk-size']}`,
    );
  return { kind: 'proxy', upstream, port, host, isOpen, chunkBytes, ca: values.ca, isVerbose };
}

function mistake(message: string): Command {
  return { kind: 'mistake', message };
}

/** The registry's origin, or what is wrong with the words. */
function parseUpstream(text: string): URL | string {
  const url = URL.parse(text);
  const hasScheme = /^[a-z][a-z\d+.-]*:\/\//i.test(text);
  if (url === null || !hasScheme) {
    // What it was is not repeated where it may hold a password.
    const isName = /^[a-z\d.-]+(:\d+)?$/i.test(text);
    return isName
      ? `${text} needs its scheme in front: npx berth proxy https://${text}`
      : `That is no address of a registry. Type one like this: ${EXAMPLE}`;
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    return `A registry's address begins with https:// (or http://), as in ${EXAMPLE}`;
  if (url.username !== '' || url.password !== '')
    return `Leave the name and password out of the address: docker login sends them. npx berth proxy ${url.origin}`;
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
    return `A registry lies at the root of its host, so leave out what follows it: npx berth proxy ${url.origin}`;
  return url;
}

/** `16MiB` and `16MB` are not the same, and the limit is given in the smaller: so a number alone is not taken. */
function parseSize(text: string | undefined): number | undefined {
  if (text === undefined) return DEFAULT_CHUNK_BYTES;
  const [, digits = '', unit = ''] = /^(\d{1,9}) ?(MiB|MB)$/i.exec(text) ?? [];
  const bytes = Number(digits) * (unit.toLowerCase() === 'mib' ? MIB : MEGABYTE);
  return bytes >= LEAST_CHUNK_BYTES && bytes <= MOST_CHUNK_BYTES ? bytes : undefined;
}
