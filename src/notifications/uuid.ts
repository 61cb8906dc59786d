/** UUIDs of version 7 (RFC 9562 §5.7): they sort by the millisecond that they were made in. */

const TIME_BYTES = 6;
const VERSION_7 = 0x70;
/** RFC 9562 §4.1. */
const VARIANT = 0x80;

/** @param now in ms since the epoch */
export function newUuid(now: number): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  for (let index = 0; index < TIME_BYTES; index += 1) {
    bytes[index] = Math.floor(now / 2 ** (8 * (TIME_BYTES - 1 - index))) % 256;
  }
  bytes[6] = VERSION_7 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = VARIANT | ((bytes[8] ?? 0) & 0x3f);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
