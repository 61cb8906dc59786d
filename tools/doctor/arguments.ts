/**
 * The words of `npm run doctor -- …`, parsed once. Pure: it opens nothing and asks nobody.
 * Every mistake is one line that says what to type instead, and repeats no password.
 */
import { isIP } from 'node:net';
import { parseArgs } from 'node:util';
import { parseRepositoryName, type RepositoryName } from '../../src/oci/repository-name.ts';
import { isLoopback } from '../../standalone/exposure.ts';
import { quoted } from '../registry/outcome.ts';
import type { ClientCertificateFiles } from './client-certificate.ts';

export const PASSWORD_VARIABLE = 'BERTH_PASSWORD';
/** Where `npm start` serves by itself. */
const DEFAULT_URL = 'http://127.0.0.1:8787';

export interface DoctorOptions {
  /** A scheme, a host, perhaps a port. */
  readonly url: URL;
  readonly username: string | undefined;
  /** A file of PEM certificates that are trusted besides this machine's. */
  readonly caFile: string | undefined;
  /** What is shown to a registry that wants a certificate of its clients. */
  readonly certificateFiles: ClientCertificateFiles | undefined;
  /** Undefined: one of its own. */
  readonly repository: RepositoryName | undefined;
  readonly json: boolean;
  /** Without what takes long. */
  readonly quick: boolean;
}

export type Command =
  | { readonly kind: 'examine'; readonly options: DoctorOptions }
  | { readonly kind: 'help' }
  | { readonly kind: 'mistake'; readonly message: string };

export const HELP = `Checks a running registry from outside, as its clients see it.

  npm run doctor -- [URL] [options]

  URL              the registry (${DEFAULT_URL}); without http:// it is asked by
                   https://, unless it is on this machine
  --username NAME  signs in; the password is in ${PASSWORD_VARIABLE}, or is asked for, or is
                   the first line of stdin
  --ca FILE        trusts the certificates in this PEM file too
  --cert FILE      shows this certificate to a registry that wants one of its clients,
  --key FILE       and its key; both in PEM
  --repository R   pushes the test image there; otherwise to a new one below berth-doctor/
  --quick          sends no large uploads, and no slow one
  --json           prints one JSON object
  --help, -h       prints this

Exit code: 0 nothing is wrong, 1 something is, 2 typed wrongly.
docs/doctor.md explains each check.`;

const VALUE_OPTIONS = ['username', 'ca', 'cert', 'key', 'repository'] as const;
type ValueOption = (typeof VALUE_OPTIONS)[number];
const SWITCHES = ['quick', 'json', 'help'] as const;
const EXAMPLES: Record<ValueOption, string> = {
  username: 'ann',
  ca: 'ca.pem',
  cert: 'client.pem',
  key: 'client-key.pem',
  repository: 'team/doctor',
};
const LISTS = 'npm run doctor -- --help lists the options.';

export function parseArguments(words: readonly string[]): Command {
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
        return mistake(`--${name} needs a value, for example: npm run doctor -- --${name} ${EXAMPLES[name]}`);
      values[name] = token.value;
      continue;
    }
    const chosen = SWITCHES.find((option) => option === token.name);
    if (chosen === undefined) return mistake(`${JSON.stringify(quoted(token.rawName))} is unknown. ${LISTS}`);
    if (token.value !== undefined) return mistake(`${token.rawName} takes no value.`);
    switches.add(chosen);
  }
  if (switches.has('help')) return { kind: 'help' };
  const [address = DEFAULT_URL, second] = addresses;
  if (second !== undefined) return mistake(`${JSON.stringify(quoted(second))} is one address too many. ${LISTS}`);
  const url = parseAddress(address);
  if (typeof url === 'string') return mistake(url);
  const { username, ca: caFile, cert, key } = values;
  if ((cert === undefined) !== (key === undefined)) return mistake('--cert and --key go together: give both.');
  const certificateFiles = cert === undefined || key === undefined ? undefined : { cert, key };
  // RFC 7617 §2: the first colon ends the name.
  if (username?.includes(':') === true)
    return mistake(`--username must not hold a colon: give the name alone, and the password in ${PASSWORD_VARIABLE}.`);
  const repository = values.repository === undefined ? undefined : parseRepositoryName(values.repository);
  if (values.repository !== undefined && repository === undefined)
    return mistake(
      `--repository ${JSON.stringify(quoted(values.repository))} is no name of a repository, such as ${EXAMPLES.repository}.`,
    );
  return {
    kind: 'examine',
    options: {
      url,
      username,
      caFile,
      certificateFiles,
      repository,
      json: switches.has('json'),
      quick: switches.has('quick'),
    },
  };
}

function mistake(message: string): Command {
  return { kind: 'mistake', message };
}

/** A line that says what is wrong with it, in place of the address. */
function parseAddress(text: string): URL | string {
  if (/^(?:[a-z]+:\/\/)?[^/]*@/i.test(text))
    return `The address must not hold a user and a password, which everyone could read in the list of processes: give --username NAME, and the password in ${PASSWORD_VARIABLE}.`;
  const withScheme = /^[a-z]+:\/\//i.test(text) ? text : `https://${text}`;
  const url = /^https?:\/\//i.test(withScheme) && URL.canParse(withScheme) ? new URL(withScheme) : undefined;
  if (url === undefined)
    return `${JSON.stringify(quoted(text))} is no address of a registry, such as https://registry.example.`;
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
    return `The address is the registry alone, ${url.origin}: a repository is named by --repository ${EXAMPLES.repository}.`;
  return withScheme === text || !isOnThisMachine(url) ? url : new URL(`http://${text}`);
}

/** As docker takes it: 127.0.0.0/8, ::1 and localhost. */
export function isOnThisMachine({ hostname }: URL): boolean {
  const host = bareHost(hostname);
  return host === 'localhost' || (isIP(host) !== 0 && isLoopback(host));
}

/** An IPv6 address has brackets in a URL. */
export function bareHost(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}
