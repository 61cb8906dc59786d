/**
 * Everything that the serving process prints. At a terminal: sentences and readable log lines. Anywhere else: one JSON
 * object a line on stdout, the Worker's own lines untouched among ours but for the client's address, so that a log collector
 * can read all of it. As an access log in Combined Log Format stdout has requests alone, and stderr the rest. Why it
 * did not start is always one plain line on stderr.
 */
import { combinedLine } from './combined-line.ts';
import { harmless } from './harmless.ts';
import {
  isNoise,
  painter,
  parseLogLine,
  readableLine,
  requestOf,
  withAddress,
  workerdLevel,
  type LogLine,
} from './log-lines.ts';
import { Output, type Stream } from './output.ts';
import type { Peers } from './peers.ts';

/** `auto`: `pretty` at a terminal, else `json`. */
export const LOG_FORMATS = ['auto', 'pretty', 'json', 'combined'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export interface LogSettings {
  readonly format: LogFormat;
  /** Nothing but warnings, errors and that it serves. */
  readonly quiet: boolean;
}

export interface Notice {
  readonly level: 'info' | 'warn' | 'error';
  /** Names the notice for programs. */
  readonly event: string;
  /** Says it to people. */
  readonly message: string;
  readonly fields?: Readonly<Record<string, string | number>>;
  /** What a person at a terminal reads besides, below the message. */
  readonly hints?: readonly string[];
  /** Said also to those who want it quiet. */
  readonly isFirst?: true;
}

export class Terminal {
  readonly #out: Output;
  readonly #errors: Output;
  readonly #noColor: boolean;
  #settings: LogSettings = { format: 'auto', quiet: false };
  #peers: Peers | undefined;

  constructor(out: Stream, errors: Stream, environment: Readonly<Record<string, string | undefined>>) {
    // https://no-color.org
    this.#noColor = (environment['NO_COLOR'] ?? '') !== '';
    this.#errors = new Output(errors, (lines) => this.#lostLines(lines, this.#errors));
    this.#out = new Output(out, (lines) => {
      if (this.#format !== 'combined') return this.#lostLines(lines, this.#out);
      this.#errors.line(this.#lostLines(lines, this.#errors));
      return undefined;
    });
  }

  configure(settings: LogSettings): void {
    this.#settings = settings;
  }

  /** By whom the addresses of clients are known. */
  knowPeers(peers: Peers): void {
    this.#peers = peers;
  }

  notice(notice: Notice): void {
    const { level, message, hints = [], isFirst } = notice;
    const { quiet } = this.#settings;
    if (quiet && level === 'info' && isFirst !== true) return;
    const output = this.#format === 'combined' ? this.#errors : this.#out;
    if (this.#noticeFormat === 'json') output.line(noticeText(notice));
    else if (level === 'info') for (const line of [message, ...(quiet ? [] : hints)]) output.line(line);
    else this.#errors.line(this.#emphasized(level, message));
  }

  /** The one line that tells why the process ends without serving. */
  failure(message: string): void {
    this.#errors.line(message);
  }

  plain(text: string): void {
    this.#out.line(text);
  }

  /** A line that workerd printed, on whichever of its streams: the Worker's warnings and errors come on stderr. */
  workerdLine(printed: string, stream: 'stdout' | 'stderr'): void {
    const text = withAddress(printed, (connection) => this.#peers?.addressOf(connection));
    const line = parseLogLine(text);
    if (line !== undefined) {
      if (!this.#settings.quiet || line.level !== 'info') this.#logLine(line, text);
      return;
    }
    if (stream === 'stderr' && isNoise(printed)) return;
    const message = harmless(withoutRequest(printed));
    const level = workerdLevel(printed, stream);
    if (this.#settings.quiet && level === 'info') return;
    const isForErrors = this.#format === 'combined' || (this.#format === 'pretty' && level !== 'info');
    (isForErrors ? this.#errors : this.#out).line(
      this.#noticeFormat === 'json' ? noticeText({ level, event: 'workerd-output', message }) : message,
    );
  }

  /** Fulfilled when all is written that its reader takes, or after so long. */
  async flushed(limitMs: number): Promise<void> {
    await Promise.all([this.#out.flushed(limitMs), this.#errors.flushed(limitMs)]);
  }

  #logLine(line: LogLine, text: string): void {
    const format = this.#format;
    const request = format === 'combined' ? requestOf(line) : undefined;
    const output = format === 'combined' && request === undefined ? this.#errors : this.#out;
    if (request !== undefined) output.line(combinedLine(request));
    else if (this.#noticeFormat === 'json') output.line(text);
    else output.line(readableLine(line, this.#paint(output), output.columns));
  }

  get #format(): Exclude<LogFormat, 'auto'> {
    const { format } = this.#settings;
    if (format !== 'auto') return format;
    return this.#out.isTerminal ? 'pretty' : 'json';
  }

  /** Of what is no request: beside an access log, what suits stderr. */
  get #noticeFormat(): 'pretty' | 'json' {
    const format = this.#format;
    if (format !== 'combined') return format;
    return this.#errors.isTerminal ? 'pretty' : 'json';
  }

  #paint(output: Output): ReturnType<typeof painter> {
    return painter(output.isTerminal && !this.#noColor);
  }

  #emphasized(level: 'warn' | 'error', message: string): string {
    const word = level === 'warn' ? 'Warning:' : 'Error:';
    return `${this.#paint(this.#errors)(level === 'warn' ? 'yellow' : 'red', word)} ${message}`;
  }

  #lostLines(lines: number, output: Output): string {
    const message = `${String(lines)} log lines are missing: nobody read them, or the disk was full`;
    if (this.#noticeFormat === 'pretty') return `${this.#paint(output)('yellow', 'Warning:')} ${message}`;
    return noticeText({ level: 'warn', event: 'log-lines-lost', message, fields: { lines } });
  }
}

function noticeText({ level, event, message, fields }: Omit<Notice, 'hints'>): string {
  return JSON.stringify({ time: new Date().toISOString(), level, event, message, ...fields });
}

/** Longer is no message but what it quotes. */
const LONGEST_MESSAGE = 500;

/** workerd's own messages quote requests behind a name: the address with its query and credentials, the host, bytes of a body. */
function withoutRequest(text: string): string {
  const [head = ''] = text.split(/; [a-z][\w.()]* =/i, 1);
  return head.slice(0, LONGEST_MESSAGE);
}
