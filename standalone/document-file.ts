/**
 * `npm start -- --policy FILE`, `--trusts FILE`, `--token-server FILE` and `--endpoints FILE`: a setting that is a JSON document,
 * from a file that is read once at start.
 */
import { LONGEST_POLICY_CHARACTERS, parsePolicy } from '../src/auth/policy-document.ts';
import { LONGEST_TOKEN_SERVER_CHARACTERS, parseTokenServer } from '../src/auth/token-server-document.ts';
import { LONGEST_TRUSTS_CHARACTERS, parseTrusts } from '../src/auth/trusts.ts';
import { LONGEST_ENDPOINTS_CHARACTERS, parseEndpoints } from '../src/notifications/endpoint-document.ts';
import { given, mistake, settingFile, type Environment } from './setting-file.ts';

/** By option; undefined where it was not given. */
export interface DocumentFiles {
  readonly policy: string | undefined;
  readonly trusts: string | undefined;
  readonly tokenServer: string | undefined;
  readonly endpoints: string | undefined;
}

interface DocumentOption {
  readonly name: keyof DocumentFiles;
  readonly option: string;
  readonly setting: string;
  /** In characters. */
  readonly most: number;
  readonly parse: (
    text: string,
    environment: Environment,
  ) => { readonly ok: true } | { readonly ok: false; readonly mistakes: readonly string[] };
  /** `is no policy`: what is said of a file with a mistake. */
  readonly isNone: string;
  /** What two of them both do. */
  readonly bothDo: string;
}

const DOCUMENTS: readonly DocumentOption[] = [
  {
    name: 'policy',
    option: '--policy',
    setting: 'BERTH_POLICY',
    most: LONGEST_POLICY_CHARACTERS,
    parse: parsePolicy,
    isNone: 'is no policy',
    bothDo: 'give a policy',
  },
  {
    name: 'trusts',
    option: '--trusts',
    setting: 'BERTH_TRUSTS',
    most: LONGEST_TRUSTS_CHARACTERS,
    parse: parseTrusts,
    isNone: 'names no trusts',
    bothDo: 'name trusts',
  },
  {
    name: 'tokenServer',
    option: '--token-server',
    setting: 'BERTH_TOKEN_SERVER',
    most: LONGEST_TOKEN_SERVER_CHARACTERS,
    parse: parseTokenServer,
    isNone: 'is no token server',
    bothDo: 'name a token server',
  },
  {
    name: 'endpoints',
    option: '--endpoints',
    setting: 'BERTH_ENDPOINTS',
    most: LONGEST_ENDPOINTS_CHARACTERS,
    parse: parseEndpointsIn,
    isNone: 'names no endpoints',
    bothDo: 'name endpoints',
  },
];

/** Where an endpoint may be depends on other settings. */
function parseEndpointsIn(text: string, environment: Environment): ReturnType<typeof parseEndpoints> {
  const own = environment['BERTH_PUBLIC_URL'] ?? '';
  return parseEndpoints(text, {
    allowPrivate: environment['BERTH_WEBHOOKS_PRIVATE'] === 'on',
    ownHosts: URL.canParse(own) ? [new URL(own).hostname] : [],
  });
}

/**
 * The environment as if the settings had been given. Throws StartFailure, with path and reason, for a file that is no such
 * document.
 */
export function withDocumentsOf(files: DocumentFiles, environment: Environment): Environment {
  return DOCUMENTS.reduce((known, option) => withDocument(option, files[option.name], known), environment);
}

function withDocument(
  { option, setting, most, parse, isNone, bothDo }: DocumentOption,
  file: string | undefined,
  environment: Environment,
): Environment {
  if (file === undefined) return environment;
  if (given(environment, (name) => name === setting) !== undefined)
    throw mistake(`${option} and ${setting} both ${bothDo}. Give one of them.`);
  const text = settingFile(option, file, most);
  const result = parse(text, environment);
  if (!result.ok) throw mistake(`${option} ${file} ${isNone}: ${result.mistakes.join('; ')}`);
  return { ...environment, [setting]: text };
}
