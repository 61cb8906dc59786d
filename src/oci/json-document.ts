/**
 * JSON from outside, read so that every client reads the same (RFC 8259 §8.1: UTF-8 without a byte order mark; §4: names
 * within an object should be unique, and where they are not, some take the first and some the last).
 *
 * Most clients are written in Go, whose decoder takes `Layers` for `layers`. A document that spells a name that matters
 * in another case would mean one thing here and another there, so whoever reads a document asks for look-alikes.
 */

export type JsonObject = Readonly<Record<string, unknown>>;
export type JsonDocumentResult = { ok: true; value: JsonObject } | { ok: false; message: string };

/** No name that anybody asks for is longer. */
const MAX_FOLDED_CHARACTERS = 32;
/**
 * Values of one document. A parsed value takes some fifty times the bytes of a short one, so 4 MiB of `{},` would fill an
 * isolate; 10,000 descriptors with annotations stay far below this.
 */
export const MAX_JSON_VALUES = 200_000;
const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const OPENING: ReadonlySet<number> = new Set([0x5b, 0x7b]);
const CLOSING: ReadonlySet<number> = new Set([0x5d, 0x7d]);
const LONGEST_ECHO = 100;

/** Never throws; a message says what to mend. */
export function parseJsonDocument(bytes: Uint8Array, maxDepth: number): JsonDocumentResult {
  const { depth, values } = measure(bytes);
  if (depth > maxDepth) return { ok: false, message: `must not be nested deeper than ${String(maxDepth)} levels` };
  if (values > MAX_JSON_VALUES) {
    return { ok: false, message: `must not hold more than ${String(MAX_JSON_VALUES)} values` };
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const value: unknown = JSON.parse(text);
    const repeated = repeatedName(bytes);
    if (repeated !== undefined) {
      return {
        ok: false,
        message: `must not name ${JSON.stringify(repeated.slice(0, LONGEST_ECHO))} twice in one object`,
      };
    }
    if (isJsonObject(value)) return { ok: true, value };
  } catch {
    // Both the decoder and the parser say no by throwing; the answer is the same.
  }
  return { ok: false, message: 'must be a JSON object in UTF-8, without a byte order mark' };
}

/** Names by their folded form, for `lookAlike`. */
export function foldNames(names: readonly string[]): ReadonlyMap<string, string> {
  return new Map(names.map((name) => [fold(name), name]));
}

/** The first key of `object` that differs from one of the names in case alone. */
export function lookAlike(
  object: object,
  names: ReadonlyMap<string, string>,
): { key: string; name: string } | undefined {
  for (const key of Object.keys(object)) {
    const name = key.length > MAX_FOLDED_CHARACTERS ? undefined : names.get(fold(key));
    if (name !== undefined && name !== key) return { key, name };
  }
  return undefined;
}

/** Both directions, since the long s has only an upper case in ASCII, and the Kelvin sign only a lower one. */
function fold(key: string): string {
  return key.toUpperCase().toLowerCase();
}

function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Counts brackets and commas outside strings, before anything is built from them: the deepest nesting, and at least as
 * many values as there are. In UTF-8 no other character has these bytes.
 */
function measure(bytes: Uint8Array): { depth: number; values: number } {
  let open = 0;
  let depth = 0;
  let values = 1;
  let inString = false;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index] ?? 0;
    if (inString) {
      if (byte === BACKSLASH) index += 1;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === COMMA) values += 1;
    else if (OPENING.has(byte)) {
      values += 1;
      open += 1;
      depth = Math.max(depth, open);
    } else if (CLOSING.has(byte)) open -= 1;
  }
  return { depth, values };
}

/** A name that an object of this document has twice, however it is escaped. The document must be well-formed. */
function repeatedName(bytes: Uint8Array): string | undefined {
  const decoder = new TextDecoder();
  /** The names of each object that is open; an array has none. */
  const open: Set<string>[] = [];
  let [start, end] = [0, 0];
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index] ?? 0;
    if (byte === QUOTE) {
      start = index;
      index = closingQuote(bytes, index);
      end = index + 1;
    } else if (OPENING.has(byte)) open.push(new Set());
    else if (CLOSING.has(byte)) open.pop();
    else if (byte === COLON) {
      // The string before a colon is a name.
      const name = String(JSON.parse(decoder.decode(bytes.subarray(start, end))));
      const names = open.at(-1);
      // The engine hashes what looks like a number without a seed: chosen names would all collide. With a dot none does.
      if (names?.has(`.${name}`) === true) return name;
      names?.add(`.${name}`);
    }
  }
  return undefined;
}

function closingQuote(bytes: Uint8Array, opening: number): number {
  let index = opening + 1;
  while (index < bytes.length && bytes[index] !== QUOTE) index += bytes[index] === BACKSLASH ? 2 : 1;
  return index;
}
