/**
 * One JSON object a line, on the console: Cloudflare's logs index the fields, and `npm start` prints them readably.
 * Only named fields are logged; headers and query strings never are, so no secret can slip in.
 */
export type Level = 'info' | 'warn' | 'error';
export type Fields = Readonly<Record<string, string | number | boolean | undefined>>;

export function logEvent(level: Level, event: string, fields: Fields): void {
  const line = JSON.stringify({ time: new Date().toISOString(), level, event, ...fields });
  if (level === 'error') console.error(line);
  else if (level === 'warn') console.warn(line);
  else console.log(line);
}
