import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldNames, lookAlike, MAX_JSON_VALUES, parseJsonDocument } from '../../../src/oci/json-document.ts';

const MAX_DEPTH = 4;
const bytesOf = (text: string) => new TextEncoder().encode(text);
const parse = (text: string) => parseJsonDocument(bytesOf(text), MAX_DEPTH);

describe('parseJsonDocument', () => {
  it.each([
    ['an empty object', '{}'],
    ['white space around it', ' \r\n\t{"a":1} \n'],
    ['text beyond ASCII', '{"ä":"日本"}'],
    ['as many levels as are allowed', '{"a":[[{}]]}'],
    ['brackets inside strings', '{"a":"[[[[[[","b\\"[[[[[":"\\\\"}'],
    ['many neighbours on one level', '{"a":[[],[],[],[],[],[]]}'],
  ])('reads %s', (_, text) => {
    const value: unknown = JSON.parse(text);
    expect(parse(text)).toEqual({ ok: true, value });
  });

  it.each([
    ['nothing', ''],
    ['no JSON', 'hello'],
    ['a list', '[]'],
    ['a string', '"a"'],
    ['a number', '1'],
    ['null', 'null'],
    ['an object that is cut off', '{"a":'],
    ['two objects', '{}{}'],
    ['a comma too many', '{"a":1,}'],
    ['a comment', '{} // done'],
    ['a byte order mark', '\ufeff{}'],
    ['closing brackets first', ']]]]{}'],
  ])('refuses %s', (_, text) => {
    expect(parse(text)).toEqual({ ok: false, message: 'must be a JSON object in UTF-8, without a byte order mark' });
  });

  it('reads as many values as are allowed, and refuses more of them before it parses anything', () => {
    // The document, the list and its entries.
    const listOf = (entries: number) => `{"a":[${Array.from({ length: entries }, () => '1').join(',')}]}`;
    expect(parse(listOf(MAX_JSON_VALUES - 2)).ok).toBe(true);
    const message = `must not hold more than ${String(MAX_JSON_VALUES)} values`;
    expect(parse(listOf(MAX_JSON_VALUES - 1))).toEqual({ ok: false, message });
    expect(parse(`{"a":[${'{},'.repeat(MAX_JSON_VALUES)}`)).toEqual({ ok: false, message });
    expect(parse(`{"a":"${','.repeat(MAX_JSON_VALUES)}"}`).ok).toBe(true);
  });

  it('refuses what is nested too deep, before it parses anything', () => {
    expect(parse('{"a":[[[{}]]]}')).toEqual({ ok: false, message: 'must not be nested deeper than 4 levels' });
    expect(parse('['.repeat(1_000_000)).ok).toBe(false);
  });

  it.each([
    ['a byte that UTF-8 does not have', [0xff]],
    ['a sequence that is cut off', [0xe6, 0x97]],
    ['an overlong form', [0xc0, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
  ])('refuses %s', (_, middle) => {
    const bytes = Uint8Array.from([...bytesOf('{"a":"'), ...middle, ...bytesOf('"}')]);
    expect(parseJsonDocument(bytes, MAX_DEPTH).ok).toBe(false);
  });

  it.each([
    ['at the top', '{"a":1,"b":2,"a":3}', 'a'],
    ['further down', '{"a":[{"b":{"c":1,"c":1}}]}', 'c'],
    ['in two spellings', String.raw`{"layers":1,"\u006cayers":2}`, 'layers'],
    ['with a quote in it', String.raw`{"\"":1,"\u0022":2}`, '"'],
    ['with nothing in it', '{"":1,"":2}', ''],
    ['that objects have by nature', '{"__proto__":1,"__proto__":2}', '__proto__'],
  ])('refuses a name that stands twice in one object: %s', (_, text, name) => {
    const message = `must not name ${JSON.stringify(name)} twice in one object`;
    expect(parse(text)).toEqual({ ok: false, message });
  });

  it.each([
    ['in neighbours', '{"a":[{"b":1},{"b":2}]}'],
    ['in one another', '{"a":{"a":{"a":1}}}'],
    ['as a value', '{"a":"a","b":"a","c":["a","a"]}'],
    ['behind a colon in a string', String.raw`{"a":"b\":","b":1}`],
    ['in another case, of those that nobody asks for', '{"a":1,"A":2}'],
  ])('takes a name that stands twice elsewhere: %s', (_, text) => {
    expect(parse(text)).toEqual({ ok: true, value: JSON.parse(text) as unknown });
  });

  it('refuses UTF-16', () => {
    expect(parseJsonDocument(Uint8Array.from([0xff, 0xfe, 0x7b, 0, 0x7d, 0]), MAX_DEPTH).ok).toBe(false);
  });

  it('reads every object that is not too deep as JSON.parse does', () => {
    const object = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 5 });
    fc.assert(
      fc.property(object, (given) => {
        const text = JSON.stringify(given);
        const value: unknown = JSON.parse(text);
        expect(parse(text)).toEqual({ ok: true, value });
      }),
    );
  });

  it('counts the levels of every value rightly', () => {
    const depthOf = (value: unknown): number =>
      typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 6 })),
        fc.integer({ min: 1, max: 8 }),
        (value, max) => {
          expect(parseJsonDocument(bytesOf(JSON.stringify(value)), max).ok).toBe(depthOf(value) <= max);
        },
      ),
    );
  });

  it('answers any bytes, and never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(typeof parseJsonDocument(bytes, MAX_DEPTH).ok).toBe('boolean');
      }),
    );
  });
});

describe('lookAlike', () => {
  const NAMES = foldNames(['layers', 'mediaType']);

  it.each(['Layers', 'LAYERS', 'layerS', 'layer\u017f'])('finds %s, which a Go client takes for layers', (key) => {
    expect(lookAlike({ [key]: 1 }, NAMES)).toEqual({ key, name: 'layers' });
  });

  it.each(['layers', 'layer', 'layers ', 'lаyers', 'x'.repeat(100)])('lets "%s" be', (key) => {
    expect(lookAlike({ [key]: 1 }, NAMES)).toBeUndefined();
  });

  it('finds it beside the right name', () => {
    expect(lookAlike({ mediaType: 'a', mediatype: 'b' }, NAMES)).toEqual({ key: 'mediatype', name: 'mediaType' });
  });
});
