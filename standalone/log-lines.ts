/**
 * How log lines look. Pure. The Worker prints one JSON object a line (src/observability/log.ts); a person at a terminal
 * gets a readable line for it, everything else gets the JSON. workerd and its libraries print plain text besides.
 */
import { styleText } from 'node:util';
import * as v from 'valibot';

const Value = v.union([v.string(), v.number(), v.boolean()]);

const LogLine = v.pipe(
  v.string(),
  v.startsWith('{'),
  v.parseJson(),
  v.objectWithRest({ time: v.string(), level: v.picklist(['info', 'warn', 'error']), event: v.string() }, Value),
);
export type LogLine = v.InferOutput<typeof LogLine>;

const RequestLine = v.object({
  method: v.string(),
  route: v.string(),
  status: v.number(),
  durationMs: v.number(),
  id: v.optional(v.string(), ''),
  repository: v.optional(v.string(), ''),
  reference: v.optional(v.string(), ''),
  bytes: v.optional(v.number()),
  error: v.optional(v.string()),
  notLocal: v.optional(v.string()),
  objectCalls: v.optional(v.number()),
  storeOperations: v.optional(v.number()),
});

/** The structured line that a text is, or undefined for any other text. */
export function parseLogLine(text: string): LogLine | undefined {
  const parsed = v.safeParse(LogLine, text);
  return parsed.success ? parsed.output : undefined;
}

export function readableLine(line: LogLine, colour: boolean): string {
  const paint: Paint = (style, text) => (colour ? styleText(style, text, { validateStream: false }) : text);
  const time = paint('dim', timeOfDay(line.time));
  const request = line.event === 'request' ? v.safeParse(RequestLine, line) : undefined;
  return `${time} ${request?.success === true ? readableRequest(request.output, paint) : readableEvent(line, paint)}`;
}

type Paint = (style: 'dim' | 'green' | 'yellow' | 'red', text: string) => string;

const METHOD_WIDTH = 'DELETE'.length;
const CLIENT_ERROR = 400;
const SERVER_ERROR = 500;

/** `201 PUT    manifest library/alpine:3.20  7 ms  528 B  (2 object calls)` */
function readableRequest(request: v.InferOutput<typeof RequestLine>, paint: Paint): string {
  const { status } = request;
  const style = status >= SERVER_ERROR ? 'red' : status >= CLIENT_ERROR ? 'yellow' : 'green';
  const work = [count(request.objectCalls, 'object call'), count(request.storeOperations, 'store operation')].filter(
    (text) => text !== undefined,
  );
  const details = [
    `${String(request.durationMs)} ms`,
    request.notLocal === undefined ? undefined : `not local: ${request.notLocal}`,
    request.bytes === undefined ? undefined : readableBytes(request.bytes),
    work.length === 0 ? undefined : `(${work.join(', ')})`,
    // Whoever sees a failure is told its request id, and looks for it here.
    status >= SERVER_ERROR ? request.id : undefined,
  ].filter((text) => text !== undefined);
  return [
    `${paint(style, String(status))} ${request.method.padEnd(METHOD_WIDTH)}`,
    request.error === undefined ? undefined : paint(style, request.error),
    request.route,
    subject(request.repository, request.reference),
    paint('dim', ` ${details.join('  ')}`),
  ]
    .filter((text) => text !== undefined && text !== '')
    .join(' ');
}

function subject(repository: string, reference: string): string {
  if (reference === '') return repository;
  return `${repository}${reference.includes(':') ? '@' : ':'}${reference}`;
}

const SHOWN_OTHERWISE: ReadonlySet<string> = new Set(['time', 'level', 'event', 'message']);

function readableEvent(line: LogLine, paint: Paint): string {
  const { level, event, message } = line;
  const style = level === 'error' ? 'red' : level === 'warn' ? 'yellow' : 'dim';
  const rest = Object.entries(line)
    .filter(([name]) => !SHOWN_OTHERWISE.has(name))
    .map(([name, value]) => `${name}=${String(value)}`);
  return [paint(style, event), ...(message === undefined ? [] : [String(message)]), ...rest].join(' ');
}

function timeOfDay(time: string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return time;
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}

function count(amount: number | undefined, noun: string): string | undefined {
  if (amount === undefined || amount === 0) return undefined;
  return `${String(amount)} ${noun}${amount === 1 ? '' : 's'}`;
}

const UNITS = ['KB', 'MB', 'GB', 'TB'] as const;
const UNIT_STEP = 1_000;

export function readableBytes(bytes: number): string {
  let rest = bytes;
  let unit = 'B';
  for (const larger of UNITS) {
    if (rest < UNIT_STEP) break;
    rest /= UNIT_STEP;
    unit = larger;
  }
  return `${unit === 'B' ? String(rest) : rest.toFixed(1)} ${unit}`;
}

/** What workerd prints about itself and nobody can act on; each with its reason. */
const NOISE: readonly RegExp[] = [
  // The addresses of C++ frames, which mean something only with workerd's own symbols.
  /^stack: /,
  // A Host that is none, where the front did not see it (odd-host.ts): the client's mistake, for which it got a 500.
  /^workerd\S+ error: Uncaught exception: kj\/compat\/url\S+ failed: invalid hostname when stringifying URL(?:;|$)/,
];

export function isNoise(line: string): boolean {
  return line.trim() === '' || NOISE.some((pattern) => pattern.test(line));
}
