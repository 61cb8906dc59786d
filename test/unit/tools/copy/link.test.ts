/** Where the next page of a list is. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextPage } from '../../../../tools/copy/link.ts';

const PAGE = new URL('http://registry.example:5000/v2/a/tags/list?n=2');
const next = (header: string | undefined): unknown => {
  const found = nextPage(header, PAGE);
  return found.kind === 'page' ? found.url.href : found.kind;
};

describe('the next page', () => {
  it.each([
    ['</v2/a/tags/list?last=b&n=2>; rel="next"', '/v2/a/tags/list?last=b&n=2'],
    ['<?last=b>;rel=next', '/v2/a/tags/list?last=b'],
    ['<http://registry.example:5000/v2/a/tags/list?last=b>; rel="next"', '/v2/a/tags/list?last=b'],
    ['</first>; rel="first", </second>; rel="next"', '/second'],
    ['</both>; title="x, rel=next"; rel="prev NEXT"', '/both'],
    ['</x>; REL=Next', '/x'],
    // A comma and a semicolon may stand in an address.
    ['</v2/_catalog?last=a,b;c>; rel="next"', '/v2/_catalog?last=a,b;c'],
  ])('%s', (header, path) => {
    expect(next(header)).toBe(`http://registry.example:5000${path}`);
  });

  it.each([undefined, '', '</x>', '</x>; rel="prev"', '</x>; title="rel=next"', 'nonsense', '</x>; rel="nextish"'])(
    'there is none: %s',
    (header) => {
      expect(next(header)).toBe('none');
    },
  );

  it.each([
    'http://registry.example/v2/',
    'https://registry.example:5000/v2/',
    'http://elsewhere.example:5000/v2/',
    '//elsewhere.example/v2/',
    'http://user:pass@registry.example:5000/v2/',
    'http://[',
    'javascript:alert(1)',
  ])('is not followed to %s', (target) => {
    expect(next(`<${target}>; rel="next"`)).toBe('refused');
  });

  it('is never taken for the end of the list when its header is too long to be read', () => {
    expect(next(`</x?${'y'.repeat(20_000)}>; rel="next"`)).toBe('refused');
  });

  it('is refused where its address is longer than any registry needs', () => {
    const pageOf = (characters: number) => `</${'y'.repeat(characters - `${PAGE.origin}/`.length)}>; rel="next"`;
    expect(next(pageOf(4_096))).toHaveLength(4_096);
    expect(next(pageOf(4_097))).toBe('refused');
  });

  it('is looked for in any header', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii', maxLength: 300 }), (header) => {
        nextPage(header, PAGE);
        nextPage(`<x>;${header}`, PAGE);
      }),
    );
  });
});
