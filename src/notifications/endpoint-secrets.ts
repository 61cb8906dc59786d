/**
 * The secrets of an endpoint that the admin API made: sealed where it is stored, `***` where it is shown, and kept where `***`
 * is written back. They are in two places of a document: `headers` and `signingSecrets`.
 */
import { MISTAKES_REPORTED } from '../auth/setting-document.ts';
import { seal, unseal, type SealingKeys } from './sealing.ts';
import { parseWebhookSecret } from './signature.ts';

export const HIDDEN = '***';
/** What a header of such a name holds is nobody's to read. */
const CREDENTIAL_NAME = /authori[sz]ation|cookie|token|secret|passw|signature|credential|key/i;
/** No space at either end, which would be cut off on the way, and what comes back would not be known again. */
const SENDABLE = /^[\u0021-\u007e](?:[\u0020-\u007e]*[\u0021-\u007e])?$/;

/** Of a header, as it is shown. */
const LONGEST_NAME_CHARACTERS = 100;

type Document = Readonly<Record<string, unknown>>;

export function isCredentialName(header: string): boolean {
  return CREDENTIAL_NAME.test(header);
}

export type SealedDocument =
  | { readonly ok: true; readonly document: Document }
  | { readonly ok: false; readonly mistakes: readonly string[] }
  /** There is a secret in it, and no key. */
  | { readonly ok: false; readonly mistakes: 'no-key' };

/** As it may be shown, in the form that it is written in. */
export function withoutSecrets(document: Document): Document {
  const { headers, signingSecrets, ...rest } = document;
  return {
    ...rest,
    ...(isObject(headers)
      ? {
          headers: Object.fromEntries(
            Object.entries(headers).map(([name, value]) => [
              name,
              typeof value === 'string' && isCredentialName(name) ? HIDDEN : hidden(value),
            ]),
          ),
        }
      : {}),
    ...(Array.isArray(signingSecrets) ? { signingSecrets: signingSecrets.map(hidden) } : {}),
  };
}

/** What is wrong with a secret that is named as the setting names one: the admin API knows no bindings. */
export function namedSecrets({ headers, signingSecrets }: Document): string[] {
  const given = [
    ...Object.entries(isObject(headers) ? headers : {}).map(([name, value]) => [headerPath(name), value] as const),
    ...(Array.isArray(signingSecrets) ? signingSecrets : []).map(
      (value: unknown, index) => [`signingSecrets[${String(index)}]`, value] as const,
    ),
  ];
  return given
    .filter(([, value]) => isObject(value) && 'binding' in value)
    .slice(0, MISTAKES_REPORTED)
    .map(([path]) => `${path}: here the secret itself is given: {"value": "…"} (docs/notifications-admin.md)`);
}

function headerPath(name: string): string {
  const shown = name.slice(0, LONGEST_NAME_CHARACTERS);
  return `headers.${/^\w+$/.test(shown) ? shown : JSON.stringify(shown)}`;
}

/**
 * A document that was found right, as it is stored. What is kept is sealed anew, so that writing a document back is how
 * its secrets come under a new key.
 *
 * @param before as it is stored now, if it is
 */
export async function withSealedSecrets(
  given: Document,
  before: Document | undefined,
  name: string,
  keys: SealingKeys | undefined,
): Promise<SealedDocument> {
  const mistakes: string[] = [];
  const found = { isKeyMissing: false };
  const place = placeOf(name);
  const sealed = async (path: string, secret: string, kept: string | undefined): Promise<unknown> => {
    if (secret === HIDDEN && kept === undefined) {
      mistakes.push(`${path}: is ${HIDDEN}, and nothing is stored that it could stand for: write the secret itself`);
      return undefined;
    }
    if (keys === undefined) {
      found.isKeyMissing = true;
      return undefined;
    }
    const plain = secret === HIDDEN && kept !== undefined ? await unseal(keys, place, kept) : secret;
    if (plain === undefined) {
      mistakes.push(`${path}: what is stored was encrypted with another BERTH_ENCRYPTION_KEY: write the secret itself`);
      return undefined;
    }
    return { value: await seal(keys, place, plain) };
  };

  // A stored header goes nowhere that it was not written for. What signs is never sent.
  const isElsewhere = before !== undefined && originOf(given) !== originOf(before);
  const headers: Record<string, unknown> = {};
  for (const [header, value] of Object.entries(isObject(given['headers']) ? given['headers'] : {})) {
    const path = headerPath(header);
    const secret = secretOf(value);
    const text = secret ?? String(value);
    if (!SENDABLE.test(text))
      mistakes.push(`${path}: must be of printable ASCII characters, with no space at its ends`);
    else if (secret === HIDDEN && isElsewhere) {
      mistakes.push(
        `${path}: is ${HIDDEN}, and the address is another than what it was stored for: write the secret itself`,
      );
    } else if (secret !== undefined) headers[header] = await sealed(path, secret, storedHeader(before, header));
    else if (isCredentialName(header)) {
      mistakes.push(`${path}: is a secret by its name: write it as {"value": "…"}, so that it is stored encrypted`);
    } else headers[header] = value;
  }

  const signing = Array.isArray(given['signingSecrets']) ? given['signingSecrets'].map(secretOf) : [];
  const kept = keptInPlace(signing, storedSigning(before));
  const signingSecrets: unknown[] = [];
  for (const [index, secret = ''] of signing.entries()) {
    const path = `signingSecrets[${String(index)}]`;
    if (secret !== HIDDEN && parseWebhookSecret(secret) === undefined) {
      mistakes.push(`${path}: must be whsec_ and 24 to 64 bytes in base64, or whsk_ and an Ed25519 key`);
    } else signingSecrets.push(await sealed(path, secret, kept[index]));
  }

  if (mistakes.length > 0) return { ok: false, mistakes };
  if (found.isKeyMissing) return { ok: false, mistakes: 'no-key' };
  return {
    ok: true,
    document: {
      ...given,
      ...(given['headers'] === undefined ? {} : { headers }),
      ...(given['signingSecrets'] === undefined ? {} : { signingSecrets }),
    },
  };
}

export type OpenedDocument =
  { readonly ok: true; readonly document: unknown } | { readonly ok: false; readonly problem: string };

/** A stored document with its secrets as they were given. */
export async function withOpenSecrets(
  stored: unknown,
  name: string,
  keys: SealingKeys | undefined,
): Promise<OpenedDocument> {
  if (!isObject(stored)) return { ok: true, document: stored };
  const problems: string[] = [];
  const open = async (item: unknown): Promise<unknown> => {
    const sealed = secretOf(item);
    if (sealed === undefined) return item;
    const value = keys === undefined ? undefined : await unseal(keys, placeOf(name), sealed);
    if (keys === undefined) problems.push('its secrets are encrypted, and BERTH_ENCRYPTION_KEY is not set');
    else if (value === undefined) problems.push('its secrets were encrypted with another BERTH_ENCRYPTION_KEY');
    return { value };
  };
  const { headers, signingSecrets, ...rest } = stored;
  const document: Record<string, unknown> = { ...rest };
  if (isObject(headers)) {
    const entries = Object.entries(headers).map(async ([header, value]) => [header, await open(value)] as const);
    document['headers'] = Object.fromEntries(await Promise.all(entries));
  }
  if (Array.isArray(signingSecrets)) document['signingSecrets'] = await Promise.all(signingSecrets.map(open));
  const [problem] = problems;
  return problem === undefined ? { ok: true, document } : { ok: false, problem };
}

/** What was sealed for one endpoint does not open as another's. */
function placeOf(name: string): string {
  return `endpoint ${name}`;
}

/**
 * Which stored secret each `***` stands for: where there are as many of one as of the other, each for the next, so that a new
 * secret may be put before the old one; otherwise the one at its own place.
 */
function keptInPlace(given: readonly unknown[], stored: readonly string[]): readonly (string | undefined)[] {
  const isEach = given.filter((secret) => secret === HIDDEN).length === stored.length;
  let used = 0;
  return given.map((secret, index) => {
    if (secret !== HIDDEN) return undefined;
    used += 1;
    return stored[isEach ? used - 1 : index];
  });
}

function originOf({ url }: Document): string | undefined {
  return typeof url === 'string' && URL.canParse(url) ? new URL(url).origin : undefined;
}

function storedHeader(before: Document | undefined, name: string): string | undefined {
  const headers = before?.['headers'];
  return isObject(headers) && Object.hasOwn(headers, name) ? secretOf(headers[name]) : undefined;
}

function storedSigning(before: Document | undefined): string[] {
  const secrets = before?.['signingSecrets'];
  return Array.isArray(secrets) ? secrets.map(secretOf).filter((secret) => secret !== undefined) : [];
}

function secretOf(value: unknown): string | undefined {
  return isObject(value) && typeof value['value'] === 'string' ? value['value'] : undefined;
}

function hidden(value: unknown): unknown {
  return secretOf(value) === undefined ? value : { value: HIDDEN };
}

function isObject(value: unknown): value is Document {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
