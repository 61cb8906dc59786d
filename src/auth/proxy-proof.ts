/**
 * A proxy in front that has verified who asks, and proves by a secret that it is the one which may say so
 * (docs/nginx.md). With the secret its word is taken, and `Authorization` is not read. Without the secret, or with a wrong
 * one, what such headers say counts for nothing: anybody can send them. Pure.
 *
 * A header that is sent twice arrives as one with a comma in it, which neither a secret nor a name can have.
 */
import { timingSafeEqual } from 'node:crypto';
import { LONGEST_PROXY_SECRET_CHARACTERS, PROXY_SECRET_FORM, type Config } from '../config.ts';
import type { Principal } from './principal.ts';

const SECRET_HEADER = 'x-berth-proxy-secret';
const NAME_HEADER = 'x-berth-user';

/** `alice`, `alice@example.org`, `example/alice`: what policies can name and no log mistakes for something else. */
const NAME_FORM = /^[A-Za-z0-9][A-Za-z0-9._@+:/-]{0,127}$/;

export type ProxyProof =
  /** No proxy said a word, or none can prove anything here. */
  | { readonly kind: 'none' }
  /** Something says that it is the proxy, and is not. */
  | { readonly kind: 'wrong' }
  /** Without a name it is `anonymous`. */
  | { readonly kind: 'proven'; readonly principal: Principal }
  /** It is the proxy, and whom it names can be nobody. */
  | { readonly kind: 'odd-name' };

/** @param proxySecrets those that count; two while one is replaced */
export function proxyProof(headers: Headers, { proxySecrets }: Pick<Config, 'proxySecrets'>): ProxyProof {
  const secret = headers.get(SECRET_HEADER);
  if (proxySecrets.length === 0 || secret === null) return { kind: 'none' };
  if (!isOneOf(proxySecrets, secret)) return { kind: 'wrong' };
  const name = headers.get(NAME_HEADER) ?? '';
  if (name === '') return { kind: 'proven', principal: { kind: 'anonymous' } };
  return NAME_FORM.test(name)
    ? { kind: 'proven', principal: { kind: 'proxy', name, limits: [] } }
    : { kind: 'odd-name' };
}

/** Whether a request comes through the proxy, whomever that names. */
export function isThroughProxy({ kind }: ProxyProof): boolean {
  return kind === 'proven' || kind === 'odd-name';
}

/** In a time that tells nothing of any of them: all are compared, each over the longest length. */
function isOneOf(secrets: readonly string[], given: string): boolean {
  if (!PROXY_SECRET_FORM.test(given)) return false;
  const bytes = padded(given);
  return secrets.map((secret) => timingSafeEqual(padded(secret), bytes)).includes(true);
}

/** Neither has a zero byte in it, so what is padded is equal only where what was given is. */
function padded(text: string): Uint8Array {
  const bytes = new Uint8Array(LONGEST_PROXY_SECRET_CHARACTERS);
  new TextEncoder().encodeInto(text, bytes);
  return bytes;
}
