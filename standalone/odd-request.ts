/**
 * Heads of requests that workerd reads otherwise than it should, or stumbles over: it answers those a bare 500, and its log holds
 * a failure of which nothing has failed. RFC 9112 wants 400 for them. What two programs read in two ways is how one smuggles
 * a request, or a header, past the first of them (RFC 9112 §11.2).
 */

/** Where a head is longer, what is behind is not looked at: workerd then says what it says. */
const MOST_HEAD_BYTES = 16 * 1024;
const HEAD_END = /\r?\n\r?\n/;
const LINE_END = /\r?\n/;
/** What workerd writes (kj/compat/url.c++). Whether it is a host, the Worker judges (src/http/app.ts). */
const WRITABLE_HOST = /^[A-Za-z0-9._:[\]-]*$/;
/** What says whose a request is, and where it ends: once each. */
const FRAMING: ReadonlySet<string> = new Set(['host', 'content-length', 'transfer-encoding']);
const LENGTH = /^\d{1,19}$/;

/** The answer to such a request. */
export function refusalOf(reason: string): string {
  return (
    'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/json\r\n\r\n' +
    `${JSON.stringify({ errors: [{ code: 'UNSUPPORTED', message: reason }] })}\n`
  );
}

/**
 * Why a request can't be served, if it can't.
 *
 * @param first what a connection began with: a request's head as a rule, perhaps with some of its body
 */
export function oddityOf(first: Buffer): string | undefined {
  const text = first.toString('latin1', 0, MOST_HEAD_BYTES);
  const end = HEAD_END.exec(text);
  const head = end === null ? text.slice(0, text.lastIndexOf('\n') + 1) : text.slice(0, end.index);
  // workerd ends a line there, and who stands in front as a rule does not (§2.2).
  if (/\r(?!\n|$)/.test(head)) return 'the head of the request has a carriage return within a line';
  const [line = '', ...fields] = head.split(LINE_END).filter((field) => field !== '');
  return oddTarget(line) ?? oddField(fields);
}

/** §3.2: neither a proxy (absolute-form, authority-form) nor a server as a whole (asterisk-form) is asked here. */
function oddTarget(line: string): string | undefined {
  const [, target] = /^[^ ]+ ([^ ]*) HTTP\//.exec(line) ?? [];
  return target === undefined || target.startsWith('/') ? undefined : 'the target of the request begins with no slash';
}

function oddField(fields: readonly string[]): string | undefined {
  const seen = new Map<string, string>();
  for (const field of fields) {
    const colon = field.indexOf(':');
    // §5.1 forbids a space before the colon, §5.2 a line that goes on with the one before.
    if (/^\s/.test(field) || (colon > 0 && /\s/.test(field[colon - 1] ?? '')))
      return 'a header of the request has a space before its name or its colon';
    const name = field.slice(0, Math.max(0, colon)).toLowerCase();
    if (!FRAMING.has(name)) continue;
    if (seen.has(name)) return `the request has ${name} twice`;
    seen.set(name, field.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, ''));
  }
  const [host, length, coding] = [seen.get('host'), seen.get('content-length'), seen.get('transfer-encoding')];
  if (host !== undefined && !WRITABLE_HOST.test(host)) return 'the Host header names no host';
  if (length !== undefined && !LENGTH.test(length)) return 'the Content-Length of the request is no number';
  if (coding === undefined) return undefined;
  // §6.1: a coding that is not known, and both, make the end of a body a guess.
  if (coding.toLowerCase() !== 'chunked') return 'the Transfer-Encoding of a request may be chunked, and nothing else';
  return length === undefined ? undefined : 'the request has both Content-Length and Transfer-Encoding';
}
