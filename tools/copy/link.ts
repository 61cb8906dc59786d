/** `Link: <…>; rel="next"` (RFC 8288; distribution-spec, "Listing Tags"): where the next page is. Pure. */

export type NextPage =
  | { readonly kind: 'none' }
  | { readonly kind: 'page'; readonly url: URL }
  | { readonly kind: 'refused'; readonly reason: string };

const MAX_HEADER_CHARACTERS = 16_384;
/** Of the next page. Berth answers no longer one (src/http/app.ts), and with a name in it none is half as long. */
const MAX_ADDRESS_CHARACTERS = 4_096;
const LINK = /<([^<>]*)>((?:[ \t]*;[ \t]*[a-zA-Z*]+(?:[ \t]*=[ \t]*(?:"(?:[^"\\]|\\.)*"|[^ \t;,"]*))?)*)/g;
const REL = /;[ \t]*rel[ \t]*=[ \t]*(?:"([^"]*)"|([^ \t;,"]*))/i;

/** @param page that had the header. On another origin neither our credentials nor our trust belong. */
export function nextPage(header: string | undefined, page: URL): NextPage {
  if (header === undefined) return { kind: 'none' };
  if (header.length > MAX_HEADER_CHARACTERS) return refused('is too long');
  for (const [, target = '', parameters = ''] of header.matchAll(LINK)) {
    const [, quoted, bare] = REL.exec(parameters) ?? [];
    // Several relations may stand in one parameter.
    const relations = (quoted ?? bare ?? '').toLowerCase().split(/[ \t]+/);
    if (!relations.includes('next')) continue;
    if (!URL.canParse(target, page.href)) return refused('is no address');
    const url = new URL(target, page);
    if (url.origin !== page.origin || url.username !== '' || url.password !== '')
      return refused('points to another host, which is not asked');
    url.hash = '';
    if (url.href.length > MAX_ADDRESS_CHARACTERS) return refused(`has more than ${MAX_ADDRESS_CHARACTERS} characters`);
    return { kind: 'page', url };
  }
  return { kind: 'none' };
}

function refused(why: string): NextPage {
  return { kind: 'refused', reason: `the Link to the next page ${why}` };
}
