/**
 * Secrets that the admin API was given, as they are stored: AES-256-GCM under a key that is a secret of the Worker's and no part
 * of its data. While the key is replaced there are two: what is stored opens with either, and is sealed with the first.
 */
import { Buffer } from 'node:buffer';
import type { Config } from '../config.ts';

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const FORM = /^v1\.([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]{22,8192})$/;

export interface SealingKeys {
  /** AES-256, raw. */
  readonly current: Uint8Array;
  readonly previous: Uint8Array | undefined;
}

/** 32 bytes in base64; `undefined` for anything else. */
export function parseSealingKey(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/]{43}=$/.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.byteLength === KEY_BYTES ? bytes : undefined;
}

/** Undefined where the setting has no key. */
export function sealingKeysOf({
  encryptionKey,
  previousEncryptionKey,
}: Pick<Config, 'encryptionKey' | 'previousEncryptionKey'>): SealingKeys | undefined {
  const current = parseSealingKey(encryptionKey ?? '');
  return current && { current, previous: parseSealingKey(previousEncryptionKey ?? '') };
}

/** @param place where it is stored: what was sealed for one place does not open in another */
export async function seal({ current }: SealingKeys, place: string, secret: string): Promise<string> {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const sealed = await crypto.subtle.encrypt(
    { name: 'AES-GCM', iv: nonce, additionalData: new TextEncoder().encode(place) },
    await imported(current),
    new TextEncoder().encode(secret),
  );
  return `v1.${Buffer.from(nonce).toString('base64url')}.${Buffer.from(sealed).toString('base64url')}`;
}

/** `undefined` where neither key opens it. */
export async function unseal(keys: SealingKeys, place: string, text: string): Promise<string | undefined> {
  const [, nonce, sealed] = FORM.exec(text) ?? [];
  if (nonce === undefined || sealed === undefined) return undefined;
  for (const key of [keys.current, keys.previous]) {
    if (key === undefined) continue;
    const opened = await crypto.subtle
      .decrypt(
        {
          name: 'AES-GCM',
          iv: Buffer.from(nonce, 'base64url'),
          additionalData: new TextEncoder().encode(place),
        },
        await imported(key),
        Buffer.from(sealed, 'base64url'),
      )
      .catch(() => undefined);
    if (opened !== undefined) return new TextDecoder().decode(opened);
  }
  return undefined;
}

function imported(key: Uint8Array): ReturnType<typeof crypto.subtle.importKey> {
  return crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt', 'decrypt']);
}
