/**
 * Secrets that Berth makes: `berth_<kind>_`, 160 random bits, and a checksum that spares the lookup of a mistyped one.
 * They are guessed by nobody, so their SHA-256 is kept as it is; a slow hash would only cost time. The form is for
 * secret scanners to know (docs/access.md has it as a regular expression). Pure: the random bytes are passed in.
 */
import { createHash } from 'node:crypto';

/**
 * `password`: what an account signs in with. `token`: a personal access token. `robot`: a robot's secret. `refresh`: what a
 * client got for a password at the token endpoint.
 */
export type SecretKind = 'password' | 'token' | 'robot' | 'refresh';

/** 160 bits. */
export const SECRET_RANDOM_BYTES = 20;

const MARKS: Readonly<Record<SecretKind, string>> = { password: 'pw', token: 'pat', robot: 'robot', refresh: 'rt' };
/** Base32 of RFC 4648 §6 in lower case: no two of its characters are taken for each other. */
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const CHARACTER_BITS = 5;
const CHECKSUM_CHARACTERS = 7;
const FORM = /^berth_(pw|pat|robot|rt)_[a-z2-7]{39}$/;

/** @param random SECRET_RANDOM_BYTES bytes of a cryptographic source */
export function formatSecret(kind: SecretKind, random: Uint8Array): string {
  const unchecked = `berth_${MARKS[kind]}_${base32(random)}`;
  return unchecked + checksumOf(unchecked);
}

/** What kind of secret a text is; `undefined` where it is none, or mistyped. */
export function parseSecret(text: string): SecretKind | undefined {
  const mark = FORM.exec(text)?.[1];
  if (mark === undefined || checksumOf(text.slice(0, -CHECKSUM_CHARACTERS)) !== text.slice(-CHECKSUM_CHARACTERS)) {
    return undefined;
  }
  for (const kind of ['password', 'token', 'robot', 'refresh'] as const) if (MARKS[kind] === mark) return kind;
  return undefined;
}

/** SHA-256 in hex: what is stored, and what a secret is found by. */
export function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

const HEX_OF_BYTE = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** As `hashOf`, at a tenth of its cost in workerd: for what each request brings. */
export async function quickHashOf(secret: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(secret)));
  let hex = '';
  for (const byte of digest) hex += HEX_OF_BYTE[byte] ?? '';
  return hex;
}

function base32(bytes: Uint8Array): string {
  let text = '';
  let held = 0;
  let heldBits = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    heldBits += 8;
    for (; heldBits >= CHARACTER_BITS; heldBits -= CHARACTER_BITS) {
      text += ALPHABET.charAt((held >>> (heldBits - CHARACTER_BITS)) & 31);
    }
    held &= (1 << heldBits) - 1;
  }
  return heldBits === 0 ? text : text + ALPHABET.charAt((held << (CHARACTER_BITS - heldBits)) & 31);
}

function checksumOf(text: string): string {
  const sum = crc32(text);
  return base32(Uint8Array.of(sum >>> 24, sum >>> 16, sum >>> 8, sum)).slice(0, CHECKSUM_CHARACTERS);
}

/** What each byte adds, so that a request that brings a secret does not go through it bit by bit. */
const CRC_OF_BYTE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit += 1) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  return sum;
});

/** CRC-32 of ISO 3309, the one of zip and PNG; of ASCII text. */
function crc32(text: string): number {
  let sum = 0xffffffff;
  for (let index = 0; index < text.length; index += 1) {
    sum = (sum >>> 8) ^ (CRC_OF_BYTE[(sum ^ text.charCodeAt(index)) & 0xff] ?? 0);
  }
  return (sum ^ 0xffffffff) >>> 0;
}
