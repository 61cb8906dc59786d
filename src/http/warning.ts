/** `Warning` (distribution-spec, "Warnings"; RFC 7234 §5.5): something that a client may show, and that stops nothing. */

/** 299: it lasts. The agent and the date are left out, as the specification asks. */
const MISCELLANEOUS_PERSISTENT = '299 -';
/** Clients show one line. */
const LONGEST_TEXT_CHARACTERS = 300;

export function warning(text: string): string {
  const quotable = text
    .slice(0, LONGEST_TEXT_CHARACTERS)
    .replace(/[^\x20-\x7e]/g, '?')
    .replace(/["\\]/g, "'");
  return `${MISCELLANEOUS_PERSISTENT} "${quotable}"`;
}
