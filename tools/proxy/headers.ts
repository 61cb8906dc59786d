/**
 * Header fields as they go by: the list that Node reads, name and value in turn, in the order and spelling of the sender.
 * What concerns one connection alone stays there (RFC 9110 §7.6.1), everything else is passed on. Pure.
 */

/** Name, value, name, value, … */
export type HeaderList = readonly string[];

/** RFC 9110 §7.6.1, and §11.7: what is said to this proxy and to nobody behind it. Trailers are not passed on (§6.5.1). */
const ONE_CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What delimits a message, or says where it goes, is never a connection's own, whatever `Connection` names. */
const NEVER_ONE_CONNECTION: ReadonlySet<string> = new Set(['content-length', 'host', 'via', 'date']);

/** How this proxy calls itself in `Via` (RFC 9110 §7.6.3), by which it also recognises what comes from itself. */
const PSEUDONYM = 'berth-proxy';

/** What describes one body as a whole: wrong for each of the chunks that it is cut into. */
const OF_THE_WHOLE_BODY: ReadonlySet<string> = new Set([
  'content-digest',
  'content-length',
  'content-md5',
  'content-range',
  'digest',
  'expect',
  'repr-digest',
]);

export function headerOf(headers: HeaderList, name: string): string | undefined {
  return pairs(headers).find(([other]) => other.toLowerCase() === name)?.[1];
}

/** Without what concerns the connection that they came by. */
export function endToEnd(headers: HeaderList): string[] {
  const named = pairs(headers)
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.split(','))
    .map((name) => name.trim().toLowerCase())
    .filter((name) => !NEVER_ONE_CONNECTION.has(name));
  const dropped = new Set([...ONE_CONNECTION, ...named]);
  return pairs(headers)
    .filter(([name]) => !dropped.has(name.toLowerCase()))
    .flat();
}

/** A client's headers as the registry gets them. `host` is the registry's own. */
export function toUpstream(headers: HeaderList, host: string): string[] {
  const kept = pairs(endToEnd(headers)).filter(([name]) => name.toLowerCase() !== 'host');
  return ['Host', host, ...kept.flat(), 'Via', `1.1 ${PSEUDONYM}`];
}

/** Whether a request has been here before: the registry's address is this proxy's own. */
export function isOwn(headers: HeaderList): boolean {
  return pairs(headers).some(([name, value]) => name.toLowerCase() === 'via' && value.includes(PSEUDONYM));
}

/** For the requests that take the place of one of the client's: without what was said of its body. */
export function ofNoBody(headers: HeaderList): string[] {
  return pairs(headers)
    .filter(([name]) => !OF_THE_WHOLE_BODY.has(name.toLowerCase()))
    .flat();
}

/** Each value of a field of that name (lower case) replaced. */
export function withReplaced(headers: HeaderList, name: string, replace: (value: string) => string): string[] {
  return pairs(headers).flatMap(([other, value]) => [other, other.toLowerCase() === name ? replace(value) : value]);
}

function pairs(headers: HeaderList): (readonly [string, string])[] {
  const found: (readonly [string, string])[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) found.push([headers[at] ?? '', headers[at + 1] ?? '']);
  return found;
}
