/**
 * One JSON object a line, on the console: Cloudflare's logs index the fields, and `npm start` prints them readably.
 * Only named fields are logged; headers and query strings never are, so no secret can slip in.
 */
export type Level = 'info' | 'warn' | 'error';
export type Fields = Readonly<Record<string, string | number | boolean | undefined>>;

/** JSON has them as they are, and some readers of lines take them for the end of one: a client would write lines of its own. */
const OTHER_LINE_ENDS = /[\u0085\u2028\u2029]/g;

export function logEvent(level: Level, event: string, fields: Fields): void {
  const line = JSON.stringify({ time: new Date().toISOString(), level, event, ...fields }).replace(
    OTHER_LINE_ENDS,
    (end) => `\\u${end.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  if (level === 'error') console.error(line);
  else if (level === 'warn') console.warn(line);
  else console.log(line);
}
