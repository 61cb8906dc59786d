/**
 * The settings that are the text of a file: its path is given by flag, by a key of the settings file, or by a variable, which
 * may hold the text itself. Each file is read once, at start.
 */
import { parseHtpasswd } from '../../src/auth/htpasswd.ts';
import { LONGEST_POLICY_CHARACTERS, parsePolicy } from '../../src/auth/policy-document.ts';
import { LONGEST_TOKEN_SERVER_CHARACTERS, parseTokenServer } from '../../src/auth/token-server-document.ts';
import { LONGEST_TRUSTS_CHARACTERS, parseTrusts } from '../../src/auth/trusts.ts';
import { LONGEST_HTPASSWD_CHARACTERS, mistakesIn, parseConfig } from '../../src/config.ts';
import { LONGEST_ENDPOINTS_CHARACTERS, parseEndpoints } from '../../src/notifications/endpoint-document.ts';
import { settingFile, type Environment } from '../setting-file.ts';
import { StartFailure } from '../start-failure.ts';
import { placeOf, type Given, type Problem } from './given.ts';

type Result = { readonly ok: true } | { readonly ok: false; readonly mistakes: readonly string[] };

interface DocumentKind {
  /** In characters. */
  readonly most: number;
  /** @param variables the Worker's, on which it may depend what is right */
  readonly parse: (text: string, variables: Environment, file: string | undefined) => Result;
  /** Whether what stands there may be a password, which no message shows. */
  readonly holdsSecrets?: true;
}

/** By the name of the setting. */
const DOCUMENTS: ReadonlyMap<string, DocumentKind> = new Map([
  ['policy', { most: LONGEST_POLICY_CHARACTERS, parse: parsePolicy }],
  ['trusts', { most: LONGEST_TRUSTS_CHARACTERS, parse: parseTrusts }],
  ['token-server', { most: LONGEST_TOKEN_SERVER_CHARACTERS, parse: parseTokenServer }],
  ['endpoints', { most: LONGEST_ENDPOINTS_CHARACTERS, parse: parseEndpointsIn }],
  ['htpasswd', { most: LONGEST_HTPASSWD_CHARACTERS, parse: parsePeople, holdsSecrets: true }],
]);

/** What no JSON and no line of htpasswd begins with. */
const PATH_BEGINS = /^(\/|\.\.?\/)/;

/** The path that was given; undefined where the text itself was. */
export function fileOfDocument({ origin, text }: Given): string | undefined {
  return origin.kind !== 'environment' || PATH_BEGINS.test(text) ? text : undefined;
}

export type ReadDocument =
  { readonly kind: 'text'; readonly text: string } | { readonly kind: 'problem'; readonly problem: Problem };

export function readDocument(given: Given): ReadDocument {
  const file = fileOfDocument(given);
  const kind = DOCUMENTS.get(given.setting.name);
  if (file === undefined || kind === undefined) return { kind: 'text', text: given.text };
  const place = placeOf(given.origin);
  try {
    return { kind: 'text', text: settingFile(place, file, kind.most) };
  } catch (error) {
    if (!(error instanceof StartFailure)) throw error;
    return { kind: 'problem', problem: { path: place, message: error.message.slice(place.length + 1) } };
  }
}

/** The name of a file, or a path that begins with a folder's: neither JSON nor a line of htpasswd. */
const BARE_PATH = /^[\w.@+-][\w.@+/-]{0,254}$/;

/** What is wrong with a document that was read. */
export function documentProblems(given: Given, text: string, variables: Environment): Problem[] {
  const file = fileOfDocument(given);
  const kind = DOCUMENTS.get(given.setting.name);
  const result = kind?.parse(text, variables, file) ?? { ok: true };
  if (result.ok) return [];
  if (file === undefined && BARE_PATH.test(text)) {
    const example = kind?.holdsSecrets === true ? given.setting.name : text;
    const message = `is no document. A path begins with /, ./ or ../: ${placeOf(given.origin)}=./${example}`;
    return [{ path: documentPlace(given), message }];
  }
  return result.mistakes.map((mistake) => problemIn(documentPlace(given), mistake));
}

/** `policy /etc/berth/policy.json`, or `BERTH_POLICY` */
export function documentPlace(given: Given): string {
  const file = fileOfDocument(given);
  return file === undefined ? placeOf(given.origin) : `${given.setting.name} ${file}`;
}

/** `rules[2].actions[0]: must be …`; a key that is no word stands in quotes. */
const MISTAKE = /^((?:[\w$-]+|"(?:[^"\\]|\\.)*")(?:\.(?:[\w$-]+|"(?:[^"\\]|\\.)*")|\[\d+\])*): (.*)$/s;
const WHOLE = 'the document: ';

function problemIn(document: string, mistake: string): Problem {
  if (mistake.startsWith(WHOLE)) return { path: document, message: mistake.slice(WHOLE.length) };
  const [, path, message] = MISTAKE.exec(mistake) ?? [];
  return path === undefined || message === undefined
    ? { path: document, message: mistake }
    : { path: `${document}: ${path}`, message };
}

/** Where an endpoint may be depends on other settings. */
function parseEndpointsIn(text: string, variables: Environment): Result {
  const own = variables['BERTH_PUBLIC_URL'] ?? '';
  return parseEndpoints(text, {
    allowPrivate: variables['BERTH_WEBHOOKS_PRIVATE'] === 'on',
    ownHosts: URL.canParse(own) ? [new URL(own).hostname] : [],
  });
}

/** A line that names nobody: empty, or a comment. */
const NOBODY = /^\s*(?:#.*)?$/;
const MAX_COST = 'BERTH_HTPASSWD_MAX_COST';

function parsePeople(text: string, variables: Environment, file: string | undefined): Result {
  // Whoever names a file wants the registry closed to others: one without people must not leave it open.
  if (file !== undefined && text.split('\n').every((line) => NOBODY.test(line)))
    return { ok: false, mistakes: [`names nobody: htpasswd -B ${file} NAME adds a line`] };
  const cost = { [MAX_COST]: variables[MAX_COST] };
  // One that is wrong is said with the other settings.
  if (mistakesIn(cost).length > 0) return { ok: true };
  const parsed = parseHtpasswd(text, parseConfig(cost).htpasswdMaxCost);
  return parsed.kind === 'lines' ? { ok: true } : { ok: false, mistakes: parsed.mistakes };
}
