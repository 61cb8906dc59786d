/**
 * Lines of the log. The Worker prints one JSON object a line (src/observability/log.ts); what a person reads of it, or a
 * program for access logs, is made here. workerd and its libraries print plain text besides. Pure.
 */
import { styleText } from 'node:util';
import * as v from 'valibot';
import { harmless } from './harmless.ts';
import { readableRequest, RequestLine, type Paint } from './request-line.ts';

const Value = v.union([v.string(), v.number(), v.boolean()]);

const LogLine = v.pipe(
  v.string(),
  v.startsWith('{'),
  v.parseJson(),
  v.objectWithRest({ time: v.string(), level: v.picklist(['info', 'warn', 'error']), event: v.string() }, Value),
);
export type LogLine = v.InferOutput<typeof LogLine>;

/** The structured line that a text is, or undefined for any other text. */
export function parseLogLine(text: string): LogLine | undefined {
  const parsed = v.safeParse(LogLine, text);
  return parsed.success ? parsed.output : undefined;
}

/** What is said of a request; undefined for a line that is about something else. */
export function requestOf(line: LogLine): RequestLine | undefined {
  const request = line.event === 'request' ? v.safeParse(RequestLine, line) : undefined;
  return request?.success === true ? request.output : undefined;
}

export function painter(colour: boolean): Paint {
  return (style, text) => (colour ? styleText(style, text, { validateStream: false }) : text);
}

/** @param columns of the terminal; undefined where nothing limits a line */
export function readableLine(line: LogLine, paint: Paint, columns?: number): string {
  const time = timeOfDay(line.time);
  const request = requestOf(line);
  const left = columns === undefined ? undefined : columns - time.length - 1;
  return `${paint('dim', time)} ${request === undefined ? readableEvent(line, paint) : readableRequest(request, paint, left)}`;
}

const SHOWN_OTHERWISE: ReadonlySet<string> = new Set(['time', 'level', 'event', 'message']);
const LEVEL_WORDS = { info: undefined, warn: 'Warning', error: 'Error' } as const;
const LEVEL_STYLES = { info: 'dim', warn: 'yellow', error: 'red' } as const;

/** `Warning: task failed owner=… error=…`: what went wrong is seen among many lines. */
function readableEvent(line: LogLine, paint: Paint): string {
  const { level, event, message } = line;
  const rest = Object.entries(line)
    .filter(([name]) => !SHOWN_OTHERWISE.has(name))
    .map(([name, value]) => `${name}=${String(value)}`);
  const word = LEVEL_WORDS[level];
  const head = paint(LEVEL_STYLES[level], `${word === undefined ? '' : `${word}: `}${harmless(event)}`);
  const tail = [...(message === undefined ? [] : [String(message)]), ...rest].join(' ');
  return tail === '' ? head : `${head} ${harmless(tail)}`;
}

function timeOfDay(time: string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return harmless(time);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}

/** The Worker's name for a connection; in a text of a client's there would be a backslash before the second quote. */
const CONNECTION = /,"connection":(\d{1,5})(?=[,}])/;

/** The same JSON, with the address that the connection comes from, where that is known, in the place of its name. */
export function withAddress(text: string, addressOf: (connection: number) => string | undefined): string {
  const found = CONNECTION.exec(text);
  if (found === null) return text;
  const [whole, connection] = found;
  const address = text.includes('"address":') ? undefined : addressOf(Number(connection));
  return text.replace(whole, address === undefined ? '' : `,"address":${JSON.stringify(address)}`);
}

/** What workerd prints about itself and nobody can act on; each with its reason. */
const NOISE: readonly RegExp[] = [
  // The addresses of C++ frames, which mean something only with workerd's own symbols.
  /^stack: /,
  // A Host that is none, where the front did not see it (odd-request.ts): the client's mistake, for which it got a 500.
  /^workerd\S+ error: Uncaught exception: kj\/compat\/url\S+ failed: invalid hostname when stringifying URL(?:;|$)/,
  // An alarm whose time has passed, and which runs all the same.
  /^workerd\S+ warning: NOSENTRY SQLite alarm overdue\b/,
];

/** `workerd/util/sqlite.c++:123: warning: …`: whose word tells more than on which stream it came. */
const OWN_LEVEL = /^[\w./+-]+:\d+: (info|warning): /;

/** Of what workerd prints about itself. Without a word of its own, stderr is for errors. */
export function workerdLevel(line: string, stream: 'stdout' | 'stderr'): 'info' | 'warn' | 'error' {
  const word = OWN_LEVEL.exec(line)?.[1];
  if (stream === 'stdout' || word === 'info') return 'info';
  return word === 'warning' ? 'warn' : 'error';
}

export function isNoise(line: string): boolean {
  return line.trim() === '' || NOISE.some((pattern) => pattern.test(line));
}
