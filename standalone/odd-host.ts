/**
 * A `Host` that workerd takes and then can't write into the request's address: it answers a bare 500, and its log holds a
 * failure of which nothing has failed. RFC 9112 §3.2 wants 400 for what is no host, and for a second `Host`.
 */

/** Where a head is longer, what is behind is not looked at: workerd then says what it says. */
const MOST_HEAD_BYTES = 16 * 1024;
const HEAD_END = /\r?\n\r?\n/;
const HOST_LINE = /\nhost:[ \t]*([^\r\n]*?)[ \t]*(?=\r?\n)/gi;
/** What workerd writes (kj/compat/url.c++). Whether it is a host, the Worker judges (src/http/app.ts). */
const WRITABLE = /^[A-Za-z0-9._:[\]-]*$/;

export const ODD_HOST =
  'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/json\r\n\r\n' +
  '{"errors":[{"code":"UNSUPPORTED","message":"the Host header names no host"}]}\n';

/** @param first what a connection began with: a request's head as a rule, perhaps with some of its body. */
export function hasOddHost(first: Buffer): boolean {
  const text = first.toString('latin1', 0, MOST_HEAD_BYTES);
  const end = HEAD_END.exec(text);
  const head = end === null ? text : text.slice(0, end.index + end[0].length);
  const hosts = [...head.matchAll(HOST_LINE)].map(([, host = '']) => host);
  return hosts.length > 1 || hosts.some((host) => !WRITABLE.test(host));
}
