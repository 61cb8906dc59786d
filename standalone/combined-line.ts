/**
 * A request's log line in Combined Log Format (httpd.apache.org/docs/2.4/logs.html#combined), which GoAccess, fail2ban,
 * awstats and every log collector read: `%h - %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i"`. What comes from outside
 * is escaped as Apache does it (server/util.c, ap_escape_logitem), so a line is one line of ASCII and has six quotes. Pure.
 */
import type { RequestLine } from './request-line.ts';

const NOTHING = '-';
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;
/** Of an answer that has no body. */
const BODILESS: ReadonlySet<number> = new Set([204, 304]);
const MINUTES_PER_HOUR = 60;

/** @param offsetMinutes of the local time from UTC, to the east */
export function combinedLine(request: RequestLine, offsetMinutes: (time: Date) => number = localOffset): string {
  const {
    address = NOTHING,
    principal,
    time,
    method,
    target,
    status,
    referer = NOTHING,
    userAgent = NOTHING,
  } = request;
  const date = new Date(time);
  return [
    address,
    NOTHING,
    userOf(principal),
    `[${clfTime(date, offsetMinutes(date))}]`,
    `"${escaped(`${method} ${target === '' ? '/' : target} HTTP/1.1`)}"`,
    String(status),
    bytesOf(request),
    `"${escaped(referer)}"`,
    `"${escaped(userAgent)}"`,
  ].join(' ');
}

/** Nobody has signed in as these. A space, which Apache leaves as it is, would look like the end of the name. */
function userOf(principal: string): string {
  if (principal === '' || principal === 'anonymous' || principal === 'local') return NOTHING;
  return escaped(principal.replace(/^user:/, '')).replaceAll(' ', '\\x20');
}

/** Without the header; `-` where there are none. As announced: a client that hangs up gets fewer. */
function bytesOf({ method, status, bytes = 0 }: RequestLine): string {
  return bytes === 0 || method === 'HEAD' || BODILESS.has(status) ? NOTHING : String(bytes);
}

const NAMED: Readonly<Record<number, string>> = { 8: 'b', 9: 't', 10: 'n', 11: 'v', 13: 'r', 34: '"', 92: '\\' };
const FIRST_VISIBLE = 0x20;
const LAST_VISIBLE = 0x7e;

/** Every byte that is no visible ASCII, quotes and backslashes. */
export function escaped(text: string): string {
  let result = '';
  for (const byte of Buffer.from(text)) {
    const named = NAMED[byte];
    if (named !== undefined) result += `\\${named}`;
    else if (byte >= FIRST_VISIBLE && byte <= LAST_VISIBLE) result += String.fromCharCode(byte);
    else result += `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return result;
}

/** `28/Nov/2026:19:05:49 +0100` */
function clfTime(time: Date, offset: number): string {
  const local = new Date(time.getTime() + offset * 60_000);
  const two = (number: number): string => String(Math.trunc(number)).padStart(2, '0');
  const day = `${two(local.getUTCDate())}/${MONTHS[local.getUTCMonth()] ?? ''}/${String(local.getUTCFullYear())}`;
  const clock = [local.getUTCHours(), local.getUTCMinutes(), local.getUTCSeconds()].map(two).join(':');
  const away = Math.abs(offset);
  return `${day}:${clock} ${offset < 0 ? '-' : '+'}${two(away / MINUTES_PER_HOUR)}${two(away % MINUTES_PER_HOUR)}`;
}

function localOffset(time: Date): number {
  return -time.getTimezoneOffset();
}
