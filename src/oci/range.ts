/**
 * The two range syntaxes of the protocol, which are not the same:
 * on a blob RFC 9110 §14 (`bytes=0-99`), on an upload session a bare `0-99` (distribution-spec, "Pushing a blob in chunks").
 */

export type BlobRange =
  { kind: 'whole' } | { kind: 'slice'; offset: number; length: number } | { kind: 'unsatisfiable' };

/** Longer than any single range; several ranges in one header are answered with the whole blob (RFC 9110 §14.2). */
const MAX_RANGE_CHARACTERS = 100;
const BLOB_RANGE = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i;
/** Some clients send the unit and a total all the same. 16 digits hold every safe integer. */
const CONTENT_RANGE = /^(?:bytes[ =])?(\d{1,16})-(\d{1,16})(?:\/(?:(\d{1,16})|\*))?$/i;

/**
 * What of an object of `size` bytes a `Range` header asks for. A header that is no single range is ignored, as
 * RFC 9110 §14.2 allows. So is every range of an empty object: some clients send `bytes=0-` with each request, and
 * there is no `Content-Range` that could say "all of nothing".
 */
export function parseRange(header: string | undefined, size: number): BlobRange {
  if (header === undefined || header.length > MAX_RANGE_CHARACTERS || size === 0) return { kind: 'whole' };
  const [, first = '', last = ''] = BLOB_RANGE.exec(header) ?? [];
  if (first === '' && last === '') return { kind: 'whole' };
  if (first === '') {
    const suffix = Math.min(Number(last), size);
    return suffix === 0 ? { kind: 'unsatisfiable' } : { kind: 'slice', offset: size - suffix, length: suffix };
  }
  // As big integers: beyond 2^53 two different numbers would look the same.
  // One that runs backwards is invalid, which may be refused (§14.2), as the conformance suite asks.
  if (last !== '' && BigInt(last) < BigInt(first)) return { kind: 'unsatisfiable' };
  const offset = Number(first);
  if (offset >= size) return { kind: 'unsatisfiable' };
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  return { kind: 'slice', offset, length: end - offset + 1 };
}

export function formatContentRange(offset: number, length: number, size: number): string {
  return `bytes ${String(offset)}-${String(offset + length - 1)}/${String(size)}`;
}

/**
 * The `Content-Range` of a chunk: first and last byte, both inclusive. `undefined` when it is malformed, runs backwards,
 * or ends beyond the total that it names itself. `end + 1`, the next offset, is a safe integer too.
 */
export function parseContentRange(header: string): { start: number; end: number } | undefined {
  const [, first, last, total] = CONTENT_RANGE.exec(header) ?? [];
  if (first === undefined || last === undefined) return undefined;
  const [start, end] = [Number(first), Number(last)];
  if (!Number.isSafeInteger(end + 1) || start > end) return undefined;
  return total === undefined || end < Number(total) ? { start, end } : undefined;
}

/** The `Range` of a session: what it has. Clients expect `0-0` of an empty one. */
export function formatUploadRange(committed: number): string {
  return `0-${String(Math.max(0, committed - 1))}`;
}
