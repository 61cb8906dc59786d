/** A request's log line (src/http/request-log.ts) as the sentence that a person at a terminal reads. Pure. */
import * as v from 'valibot';
import { harmless } from './harmless.ts';
import { formatBytes } from './maintenance/progress.ts';

export const RequestLine = v.object({
  time: v.string(),
  method: v.string(),
  route: v.string(),
  status: v.number(),
  durationMs: v.number(),
  id: v.optional(v.string(), ''),
  repository: v.optional(v.string(), ''),
  reference: v.optional(v.string(), ''),
  digest: v.optional(v.string(), ''),
  bytes: v.optional(v.number()),
  received: v.optional(v.number()),
  uploaded: v.optional(v.number()),
  error: v.optional(v.string()),
  notLocal: v.optional(v.string()),
  refusedBy: v.optional(v.string()),
  principal: v.optional(v.string(), ''),
  address: v.optional(v.string()),
  target: v.optional(v.string(), ''),
  userAgent: v.optional(v.string()),
  referer: v.optional(v.string()),
});
export type RequestLine = v.InferOutput<typeof RequestLine>;

export type Paint = (style: 'dim' | 'green' | 'cyan' | 'yellow' | 'red', text: string) => string;

const METHOD_WIDTH = 'DELETE'.length;
const SIZE_WIDTH = '999 bytes'.length;
const DURATION_WIDTH = '99999 ms'.length;
const WHO_WIDTH = 24;
/** What happened, on the narrowest terminal; a narrower one breaks the line. */
const LEAST_WIDTH = 24;
const SHOWN_DIGITS = 12;
const REDIRECTION = 300;
const CLIENT_ERROR = 400;
const UNAUTHORIZED = 401;
const NOT_FOUND = 404;
const SERVER_ERROR = 500;

/** `PUT    201    528 B     7 ms  ann  library/alpine:3.20 pushed`, for a terminal with so many columns left. */
export function readableRequest(request: RequestLine, paint: Paint, columns = Infinity): string {
  const { method, status, durationMs } = request;
  const style = styleOf(request);
  const first = [
    shorten(harmless(method), METHOD_WIDTH).padEnd(METHOD_WIDTH),
    String(status),
    sizeOf(request).padStart(SIZE_WIDTH),
    `${String(durationMs)} ms`.padStart(DURATION_WIDTH),
  ];
  const who = shorten(harmless(whoOf(request.principal)), WHO_WIDTH);
  const taken = first.join(' ').length + '  '.length + (who === '' ? 0 : widthOf(who) + '  '.length);
  const what = shorten(harmless(whatOf(request)), Math.max(LEAST_WIDTH, columns - taken));
  const [shownMethod = '', shownStatus = '', ...numbers] = first;
  return [
    `${shownMethod} ${paint(style, shownStatus)} ${paint('dim', numbers.join(' '))}`,
    ...(who === '' ? [] : [paint('cyan', who)]),
    status >= SERVER_ERROR ? paint('red', what) : what,
  ].join('  ');
}

function styleOf({ method, status }: RequestLine): 'green' | 'cyan' | 'dim' | 'yellow' | 'red' {
  if (status >= SERVER_ERROR) return 'red';
  // Every push asks for what is not there yet, and many clients ask first and sign in then: nothing has gone wrong.
  if (status === UNAUTHORIZED || (status === NOT_FOUND && method === 'HEAD')) return 'dim';
  if (status >= CLIENT_ERROR) return 'yellow';
  return status >= REDIRECTION ? 'cyan' : 'green';
}

/** Of what came or went: of a chunk, how much of its blob there is by now. */
function sizeOf({ method, bytes, received, uploaded }: RequestLine): string {
  const size = uploaded ?? (method === 'PUT' || method === 'POST' || method === 'PATCH' ? received : bytes);
  return size === undefined || size === 0 ? '' : formatBytes(size);
}

function whoOf(principal: string): string {
  return principal.replace(/^user:/, '');
}

function whatOf(request: RequestLine): string {
  const { status, error, notLocal, refusedBy, id, route, target } = request;
  const subject = subjectOf(request) ?? (route === 'none' || target === '' ? target || route : pathOf(target));
  if (status < CLIENT_ERROR) return `${subject}${verbOf(request)}`;
  return [
    subject,
    ...(error === undefined ? [] : [error]),
    ...(notLocal === undefined ? [] : [`not local: ${notLocal}`]),
    ...(refusedBy === undefined ? [] : [`refused by ${refusedBy}`]),
    // Whoever sees a failure is told its request id, and looks for it here.
    ...(status >= SERVER_ERROR && id !== '' ? [id] : []),
  ].join('  ');
}

function subjectOf({ route, repository, reference, digest }: RequestLine): string | undefined {
  if (repository === '') return undefined;
  const named = reference.includes(':') ? `@${shortDigest(reference)}` : `:${reference}`;
  switch (route) {
    case 'manifest':
      return `${repository}${named}`;
    case 'blob':
      return `${repository} layer ${shortDigest(reference)}`;
    case 'uploads':
      return `${repository} ${digest === '' ? 'upload' : `layer ${shortDigest(digest)}`}`;
    case 'upload':
      return `${repository} ${digest === '' ? `upload ${reference}` : `layer ${shortDigest(digest)}`}`;
    case 'tags':
      return `${repository} tags`;
    case 'referrers':
      return `${repository} referrers of ${shortDigest(reference)}`;
    default:
      return undefined;
  }
}

const CREATED = 201;
const NOT_MODIFIED = 304;
const PARTIAL = 206;

function verbOf({ route, method, status }: RequestLine): string {
  if (status === NOT_MODIFIED) return ' unchanged';
  switch (`${method} ${route}`) {
    case 'PUT manifest':
    case 'PUT upload':
      return ' pushed';
    case 'GET manifest':
    case 'GET blob':
      return status === PARTIAL ? ' pulled in part' : ' pulled';
    case 'HEAD manifest':
    case 'HEAD blob':
      return ' is here';
    case 'DELETE manifest':
    case 'DELETE blob':
      return ' deleted';
    case 'DELETE upload':
      return ' cancelled';
    case 'POST uploads':
      return status === CREATED ? ' taken over' : ' begins';
    default:
      return '';
  }
}

function pathOf(target: string): string {
  return target.split('?', 1)[0] ?? '';
}

function shortDigest(digest: string): string {
  const [algorithm = '', digits = ''] = digest.split(':', 2);
  return digits === '' ? digest : `${algorithm}:${digits.slice(0, SHOWN_DIGITS)}`;
}

/** In the middle: beginning and end of a name tell most of it. */
export function shorten(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  const characters = Array.from(text);
  const head: string[] = [];
  const tail: string[] = [];
  let left = columns - 1;
  for (let takesHead = true; ; takesHead = !takesHead) {
    const character = takesHead ? characters[head.length] : characters.at(-1 - tail.length);
    left -= widthOf(character ?? '');
    if (character === undefined || left < 0) return `${head.join('')}…${tail.join('')}`;
    if (takesHead) head.push(character);
    else tail.unshift(character);
  }
}

/** Beyond Latin letters a character may take two columns; `…` takes one, and to count it twice wastes one. */
const FIRST_WIDE = 0x300;

/** In columns, and never less than it takes. */
function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += (character.codePointAt(0) ?? 0) < FIRST_WIDE ? 1 : 2;
  return width;
}
