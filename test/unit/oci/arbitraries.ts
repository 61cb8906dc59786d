/** What the properties of the parsers are drawn from: valid values of each grammar, and ways to spoil one. */
import fc from 'fast-check';

const HEX = '0123456789abcdef';
const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const UPPER = LOWER.toUpperCase();
const DIGITS = '0123456789';

/** A string of `min` to `max` of these characters. */
export function text(characters: string, min: number, max: number): fc.Arbitrary<string> {
  return fc.string({ unit: fc.constantFrom(...Array.from(characters)), minLength: min, maxLength: max });
}

/** Any string at all: plain, of whole code points, or with lone surrogates. */
export const anyString = fc.oneof(
  fc.string({ maxLength: 300 }),
  fc.string({ unit: 'grapheme', maxLength: 300 }),
  fc.string({ unit: 'binary', maxLength: 300 }),
);

export const sha256 = text(HEX, 64, 64).map((hex) => `sha256:${hex}`);
export const sha512 = text(HEX, 128, 128).map((hex) => `sha512:${hex}`);
export const digestString = fc.oneof({ weight: 3, arbitrary: sha256 }, { weight: 1, arbitrary: sha512 });

export const tagString = fc
  .tuple(text(`${LOWER}${UPPER}${DIGITS}_`, 1, 1), text(`${LOWER}${UPPER}${DIGITS}._-`, 0, 127))
  .map(([first, rest]) => first + rest);

const word = text(LOWER + DIGITS, 1, 8);
const separator = fc.oneof(fc.constantFrom('.', '_', '__'), text('-', 1, 4));
const pathComponent = fc
  .tuple(word, fc.array(fc.tuple(separator, word), { maxLength: 3 }))
  .map(([first, rest]) => first + rest.map((pair) => pair.join('')).join(''));
export const nameString = fc
  .array(pathComponent, { minLength: 1, maxLength: 5 })
  .map((parts) => parts.join('/'))
  .filter((name) => name.length <= 255);

const restrictedName = fc
  .tuple(text(LOWER + DIGITS, 1, 1), text(`${LOWER}${DIGITS}!#$&-^_.+`, 0, 126))
  .map(([first, rest]) => first + rest);
export const mediaTypeString = fc.tuple(restrictedName, restrictedName).map((pair) => pair.join('/'));

/** Characters that no grammar here allows anywhere. */
const strangeCharacter = fc.constantFrom(' ', '\n', '\0', '%', '\\', '"', 'é', '\u212a', '\ud800', '/../');

/** `valid` with something strange put into it somewhere. */
export function spoiled(valid: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(valid, strangeCharacter, fc.double({ min: 0, max: 1, noNaN: true }))
    .map(([value, strange, where]) => {
      const index = Math.round(where * value.length);
      return value.slice(0, index) + strange + value.slice(index);
    });
}
