/**
 * Signatures by Standard Webhooks 1.0: over `<id>.<timestamp>.<body>`, with HMAC-SHA256 (`v1`, secrets `whsec_…`) or Ed25519
 * (`v1a`, private keys `whsk_…`). While a secret is replaced a message is signed with both, so that a receiver may know either.
 */
import { Buffer } from 'node:buffer';

const HMAC_PREFIX = 'whsec_';
const ED25519_PREFIX = 'whsk_';
/** Of an HMAC secret, in bytes. */
const LEAST_SECRET_BYTES = 24;
const MOST_SECRET_BYTES = 64;
const ED25519_SEED_BYTES = 32;
/** libsodium keeps the public key behind the seed. */
const ED25519_PAIR_BYTES = 64;
/** A private key in PKCS #8 is the seed behind these bytes (RFC 8410 §7). */
const ED25519_PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

export type WebhookSecret =
  { readonly kind: 'hmac'; readonly key: Uint8Array } | { readonly kind: 'ed25519'; readonly seed: Uint8Array };

export interface SignedMessage {
  readonly id: string;
  /** Seconds since the epoch. */
  readonly timestamp: number;
  readonly body: string;
}

/** `undefined` for what is neither form, or has another length than it may. */
export function parseWebhookSecret(text: string): WebhookSecret | undefined {
  const isHmac = text.startsWith(HMAC_PREFIX);
  if (!isHmac && !text.startsWith(ED25519_PREFIX)) return undefined;
  const encoded = text.slice(isHmac ? HMAC_PREFIX.length : ED25519_PREFIX.length);
  if (!BASE64.test(encoded)) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  if (isHmac) {
    const fits = bytes.byteLength >= LEAST_SECRET_BYTES && bytes.byteLength <= MOST_SECRET_BYTES;
    return fits ? { kind: 'hmac', key: bytes } : undefined;
  }
  const fits = bytes.byteLength === ED25519_SEED_BYTES || bytes.byteLength === ED25519_PAIR_BYTES;
  return fits ? { kind: 'ed25519', seed: bytes.subarray(0, ED25519_SEED_BYTES) } : undefined;
}

/** The headers of a delivery; without a secret it has an id and a time, and no signature. */
export async function signedHeaders(
  message: SignedMessage,
  secrets: readonly WebhookSecret[],
): Promise<Record<string, string>> {
  const { id, timestamp } = message;
  const signatures = await Promise.all(secrets.map((secret) => signature(secret, message)));
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    ...(signatures.length === 0 ? {} : { 'webhook-signature': signatures.join(' ') }),
  };
}

async function signature(secret: WebhookSecret, { id, timestamp, body }: SignedMessage): Promise<string> {
  const signed = new TextEncoder().encode(`${id}.${String(timestamp)}.${body}`);
  switch (secret.kind) {
    case 'hmac': {
      const key = await crypto.subtle.importKey('raw', secret.key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
      return `v1,${Buffer.from(await crypto.subtle.sign('HMAC', key, signed)).toString('base64')}`;
    }
    case 'ed25519': {
      const pkcs8 = Buffer.concat([ED25519_PKCS8_PREFIX, secret.seed]);
      const key = await crypto.subtle.importKey('pkcs8', pkcs8, { name: 'Ed25519' }, false, ['sign']);
      return `v1a,${Buffer.from(await crypto.subtle.sign('Ed25519', key, signed)).toString('base64')}`;
    }
  }
}
