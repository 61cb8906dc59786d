/**
 * The `Authorization` header (RFC 9110 §11.6.2): Basic (RFC 7617) and Bearer (RFC 6750). Pure. Every length is bounded before
 * anything is decoded.
 */

/** A token for sixty repositories of long names fits. */
const LONGEST_HEADER_CHARACTERS = 16_384;
const LONGEST_NAME_CHARACTERS = 255;
/** No secret of Berth's is longer, and bcrypt looks at 72 bytes. */
const LONGEST_PASSWORD_CHARACTERS = 4_096;
/** GitHub's token of a job has about 2,000; one with a list of groups has more. In Basic it fits the header. */
export const LONGEST_JWT_CHARACTERS = 8_192;
/** A signed token (RFC 7515 §7.1), which begins with a brace in base64url. */
const JWT_FORM = /^eyJ[\w-]+\.eyJ[\w-]+\.[\w-]*$/;
const BASIC = /^basic +([A-Za-z0-9+/]+={0,2})$/i;
const BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i;
const CONTROL_CHARACTER = /\p{Cc}/u;
const PRINTABLE_ASCII = /^[ -~]*$/;

export type Credentials =
  | { readonly kind: 'none' }
  | { readonly kind: 'basic'; readonly name: string; readonly password: string }
  | { readonly kind: 'bearer'; readonly token: string }
  /** Something is there that signs nobody in. */
  | { readonly kind: 'malformed' };

export function parseAuthorization(header: string | null): Credentials {
  if (header === null) return { kind: 'none' };
  if (header.length > LONGEST_HEADER_CHARACTERS) return { kind: 'malformed' };
  const token = BEARER.exec(header)?.[1];
  if (token !== undefined) return { kind: 'bearer', token };
  const encoded = BASIC.exec(header)?.[1];
  const text = encoded === undefined ? undefined : decoded(encoded);
  const colon = text?.indexOf(':') ?? -1;
  // podman, buildah and skopeo answer a Basic challenge so where they have nothing to say.
  if (text === ':') return { kind: 'none' };
  if (text === undefined || colon === -1) return { kind: 'malformed' };
  return nameAndPassword(text.slice(0, colon), text.slice(colon + 1)) ?? { kind: 'malformed' };
}

/** Whether a token was sent, be it one that can be read or not: a client that hears of no error sends it again. */
export function hasToken({ headers }: Request): boolean {
  return /^bearer /i.test(headers.get('authorization') ?? '');
}

/** Undefined where no name or password looks like that. A control character could end a password early where it is hashed. */
export function nameAndPassword(
  name: string,
  password: string,
): { readonly kind: 'basic'; readonly name: string; readonly password: string } | undefined {
  const most = isJwt(password) ? LONGEST_JWT_CHARACTERS : LONGEST_PASSWORD_CHARACTERS;
  const fits = name.length <= LONGEST_NAME_CHARACTERS && password.length <= most;
  if (!fits || CONTROL_CHARACTER.test(name) || CONTROL_CHARACTER.test(password)) return undefined;
  return { kind: 'basic', name, password };
}

/** A token in the place of a password: no hash is to be spent on it. */
export function isJwt(password: string): boolean {
  return JWT_FORM.test(password);
}

function decoded(base64: string): string | undefined {
  try {
    const binary = atob(base64);
    // As nearly all are, and each request brings one.
    if (PRINTABLE_ASCII.test(binary)) return binary;
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
