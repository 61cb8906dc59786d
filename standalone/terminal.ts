/**
 * Everything that the serving process prints. At a terminal: sentences and readable log lines. Anywhere else: one JSON
 * object a line on stdout, the Worker's own lines untouched among ours, so that a log collector can read all of it.
 * Why it did not start is always one plain line on stderr.
 */
import type { Writable } from 'node:stream';
import { isNoise, parseLogLine, readableLine } from './log-lines.ts';

export interface Notice {
  readonly level: 'info' | 'warn' | 'error';
  /** Names the notice for programs. */
  readonly event: string;
  /** Says it to people. */
  readonly message: string;
  readonly fields?: Readonly<Record<string, string | number>>;
  /** What a person at a terminal reads besides, below the message. */
  readonly hints?: readonly string[];
}

type Output = Writable & { readonly isTTY?: boolean };

export class Terminal {
  readonly #out: Output;
  readonly #errors: Output;
  readonly #readable: boolean;
  readonly #colour: boolean;

  constructor(out: Output, errors: Output, environment: Readonly<Record<string, string | undefined>>) {
    this.#out = out;
    this.#errors = errors;
    this.#readable = out.isTTY === true;
    // https://no-color.org
    this.#colour = this.#readable && (environment['NO_COLOR'] ?? '') === '';
    // A reader that has gone (`npm start | head`, a closed terminal) must not end the registry.
    const ignore = (): void => undefined;
    out.on('error', ignore);
    errors.on('error', ignore);
  }

  notice(notice: Notice): void {
    if (!this.#readable) this.#json(notice);
    else if (notice.level === 'info') this.#out.write(`${[notice.message, ...(notice.hints ?? [])].join('\n')}\n`);
    else this.#errors.write(`${notice.level === 'warn' ? 'Warning' : 'Error'}: ${notice.message}\n`);
  }

  /** The one line that tells why the process ends without serving. */
  failure(message: string): void {
    this.#errors.write(`${message}\n`);
  }

  plain(text: string): void {
    this.#out.write(`${text}\n`);
  }

  /** A line that workerd printed, on whichever of its streams: the Worker's warnings and errors come on stderr. */
  workerdLine(printed: string, stream: 'stdout' | 'stderr'): void {
    const line = parseLogLine(printed);
    if (line !== undefined) {
      this.#out.write(`${this.#readable ? readableLine(line, this.#colour) : printed}\n`);
      return;
    }
    if (stream === 'stderr' && isNoise(printed)) return;
    const text = harmless(printed);
    if (!this.#readable)
      this.#json({ level: stream === 'stderr' ? 'error' : 'info', event: 'workerd-output', message: text });
    else (stream === 'stderr' ? this.#errors : this.#out).write(`${text}\n`);
  }

  #json({ level, event, message, fields }: Notice): void {
    this.#out.write(`${JSON.stringify({ time: new Date().toISOString(), level, event, message, ...fields })}\n`);
  }
}

/**
 * workerd's own messages quote requests: the address with its query and credentials, the host. Those are cut off, and what
 * a terminal would take for a command is made visible.
 */
function harmless(text: string): string {
  const [head = ''] = text.split(/; (?:url|host|cl|te) =/, 1);
  return head.replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}
