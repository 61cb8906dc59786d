/**
 * The two range syntaxes of the protocol, which are not the same:
 * on a blob RFC 9110 §14 (`bytes=0-99`), on an upload session a bare `0-99` (distribution-spec, "Pushing a blob in chunks").
 */

/** Bytes of a blob: at least one, and all within it. */
export interface Slice {
  offset: number;
  length: number;
}

export type BlobRange =
  | { kind: 'whole' }
  | ({ kind: 'slice' } & Slice)
  /** At least two, in the order in which they were asked for, and together no longer than the blob. */
  | { kind: 'several'; slices: readonly [Slice, Slice, ...Slice[]] }
  | { kind: 'unsatisfiable' }
  | { kind: 'too-many' };

/**
 * Each range is a read of the store and some 130 bytes around its own. podman, which alone asks for many, starts at 1,024,
 * asks for half as many after a 400, and gives up only at 64.
 */
export const MOST_RANGES = 128;
/** Longer than any range of two safe integers. */
const MOST_RANGE_CHARACTERS = 100;
const UNIT = /^bytes=/i;
const RANGE = /^[ \t]*(\d*)-(\d*)[ \t]*$/;
/** It counts for nothing (RFC 9110 §5.6.1.2). */
const EMPTY_ELEMENT = /^[ \t]*$/;
/** Some clients send the unit and a total all the same. 16 digits hold every safe integer. */
const CONTENT_RANGE = /^(?:bytes[ =])?(\d{1,16})-(\d{1,16})(?:\/(?:(\d{1,16})|\*))?$/i;

/**
 * What of an object of `size` bytes a `Range` header asks for. A header that is malformed is ignored, as RFC 9110 §14.2
 * allows. So is every range of an empty object: some clients send `bytes=0-` with each request, and there is no
 * `Content-Range` that could say "all of nothing". And so are ranges that are longer together than the object, which only
 * overlapping ones can be: many times the bytes for one request is what they are abused for (§17.15, CVE-2011-3192).
 * Others are neither sorted nor joined, though §15.3.7.2 allows it: podman counts the parts, and adjacent ones are usual.
 */
export function parseRange(header: string | undefined, size: number): BlobRange {
  if (header === undefined || !UNIT.test(header) || size === 0) return { kind: 'whole' };
  const elements = header
    .replace(UNIT, '')
    .split(',')
    .filter((element) => !EMPTY_ELEMENT.test(element));
  if (elements.length > MOST_RANGES) return { kind: 'too-many' };
  const ranges = elements.map((element) => parseElement(element, size));
  if (ranges.length === 0 || ranges.includes('malformed')) return { kind: 'whole' };
  // It makes the whole header invalid, which may be refused (§14.2), as the conformance suite asks.
  if (ranges.includes('backwards')) return { kind: 'unsatisfiable' };
  const slices = ranges.filter((range) => typeof range === 'object');
  const [first, second, ...more] = slices;
  if (first === undefined) return { kind: 'unsatisfiable' };
  if (second === undefined) return { kind: 'slice', ...first };
  const together = slices.reduce((sum, { length }) => sum + length, 0);
  return together > size ? { kind: 'whole' } : { kind: 'several', slices: [first, second, ...more] };
}

function parseElement(element: string, size: number): Slice | 'outside' | 'backwards' | 'malformed' {
  const [, first = '', last = ''] = element.length > MOST_RANGE_CHARACTERS ? [] : (RANGE.exec(element) ?? []);
  if (first === '' && last === '') return 'malformed';
  if (first === '') {
    const suffix = Math.min(Number(last), size);
    return suffix === 0 ? 'outside' : { offset: size - suffix, length: suffix };
  }
  // As big integers: beyond 2^53 two different numbers would look the same.
  if (last !== '' && BigInt(last) < BigInt(first)) return 'backwards';
  const offset = Number(first);
  if (offset >= size) return 'outside';
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  return { offset, length: end - offset + 1 };
}

export function formatContentRange({ offset, length }: Slice, size: number): string {
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
