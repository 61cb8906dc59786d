/**
 * What this proxy prints while it works. At a terminal each large upload is a line that is drawn over itself until it is
 * done. Anywhere else there is nothing to say but what went wrong, and with --verbose a line for every request. Neither a
 * header nor a query is ever printed.
 */
import type { Writable } from 'node:stream';
import { formatBytes } from '../../standalone/maintenance/progress.ts';
import type { UploadWatch } from './cut-upload.ts';
import type { Upload } from './upload-request.ts';

const DRAW_PERIOD_MS = 200;
const MS_PER_SECOND = 1_000;
/** Before that a rate says nothing. */
const RATE_AFTER_MS = 500;
const DEFAULT_COLUMNS = 80;
/** Below the height of a terminal, or what was drawn could not be reached any more. */
const MOST_LINES = 10;
/** Enough to tell two apart. */
const DIGEST_DIGITS = 12;
const SESSION_DIGITS = 8;
const SERVER_ERROR = 500;

type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** One request, from its begin to its end. */
export interface RequestWatch extends UploadWatch {
  /** Its body is cut. */
  isUpload(upload: Upload): void;
  /** @param status undefined where the client did not wait for it. */
  end(status: number | undefined, failure?: string): void;
}

interface Running {
  readonly name: string;
  readonly total: number | undefined;
  readonly begun: number;
  done: number;
  chunks: number;
}

export interface ReporterOptions {
  readonly out: Output;
  readonly errors: Output;
  readonly isVerbose: boolean;
  readonly now?: () => number;
}

export class Reporter {
  readonly #out: Output;
  readonly #errors: Output;
  readonly #isVerbose: boolean;
  readonly #now: () => number;
  readonly #uploads = new Set<Running>();
  #drawnLines = 0;
  #drawnAt = Number.NEGATIVE_INFINITY;

  constructor({ out, errors, isVerbose, now = () => performance.now() }: ReporterOptions) {
    this.#out = out;
    this.#errors = errors;
    this.#isVerbose = isVerbose;
    this.#now = now;
    // A reader that has gone (`npx berth proxy … | head`) must not end the proxy.
    const ignore = (): void => undefined;
    out.on('error', ignore);
    errors.on('error', ignore);
  }

  line(text: string): void {
    this.#print(this.#out, text);
  }

  warn(message: string): void {
    this.#print(this.#errors, `Warning: ${message}`);
  }

  begin(method: string, target: string, contentLength: string | undefined): RequestWatch {
    const begun = this.#now();
    const [path = ''] = target.split('?', 1);
    let upload: Running | undefined;
    return {
      isUpload: ({ repository, digest, length }) => {
        const name = `${repository} ${shortName(path, digest)}`;
        upload = { name, total: length, begun, done: 0, chunks: 0 };
        this.#uploads.add(upload);
      },
      progress: (bytes) => {
        if (upload !== undefined) upload.done = bytes;
        this.#redraw();
      },
      chunk: () => {
        if (upload !== undefined) upload.chunks += 1;
      },
      retry: (reason, pauseMs) => {
        this.warn(`${upload?.name ?? path}: ${reason}; going on in ${(pauseMs / MS_PER_SECOND).toFixed(1)} s`);
      },
      end: (status, failure) => {
        if (upload !== undefined) this.#uploads.delete(upload);
        const seconds = ((this.#now() - begun) / MS_PER_SECOND).toFixed(1);
        if (failure !== undefined) this.#print(this.#errors, `Error: ${method} ${readable(path)}: ${failure}`);
        if (this.#isVerbose) {
          const size = upload === undefined ? sizeOf(contentLength) : ` ${amountOf(upload)}`;
          this.line(`${status === undefined ? '---' : String(status)} ${method} ${readable(path)} ${seconds} s${size}`);
        } else if (upload !== undefined && upload.chunks > 1 && this.#out.isTTY === true) {
          this.line(`${upload.name} ${outcomeOf(status)} ${seconds} s, ${amountOf(upload)}`);
        }
      },
    };
  }

  /** So that the shell's prompt does not stand in the midst of it. */
  end(): void {
    this.#clear();
  }

  #print(to: Output, text: string): void {
    this.#clear();
    to.write(`${harmless(text)}\n`);
    this.#draw();
  }

  #redraw(): void {
    if (this.#now() - this.#drawnAt < DRAW_PERIOD_MS) return;
    this.#clear();
    this.#draw();
  }

  #clear(): void {
    if (this.#drawnLines > 0) this.#out.write(`\u001b[${String(this.#drawnLines)}A\r\u001b[J`);
    this.#drawnLines = 0;
  }

  #draw(): void {
    if (this.#out.isTTY !== true) return;
    const now = this.#now();
    this.#drawnAt = now;
    const { columns = 0 } = this.#out;
    const width = (columns > 0 ? columns : DEFAULT_COLUMNS) - 1;
    const lines = [...this.#uploads].slice(0, MOST_LINES).map((upload) => progressOf(upload, now));
    const others = this.#uploads.size - lines.length;
    if (others > 0) lines.push(`and ${String(others)} more`);
    // One that is wider than the terminal takes two lines of it, and drawing over it would leave the first.
    for (const line of lines) this.#out.write(`${harmless(line).slice(0, width)}\n`);
    this.#drawnLines = lines.length;
  }
}

function progressOf({ name, total, begun, done }: Running, now: number): string {
  const elapsedMs = now - begun;
  const rate = elapsedMs < RATE_AFTER_MS ? '' : `  ${formatBytes((done / elapsedMs) * MS_PER_SECOND)}/s`;
  return `${name}  ${formatBytes(done)}${total === undefined ? '' : ` of ${formatBytes(total)}`}${rate}`;
}

function amountOf({ done, chunks }: Running): string {
  return `${formatBytes(done)} in ${String(chunks)} chunk${chunks === 1 ? '' : 's'}`;
}

function sizeOf(contentLength: string | undefined): string {
  return contentLength === undefined || contentLength === '0' ? '' : ` ${formatBytes(Number(contentLength))}`;
}

function outcomeOf(status: number | undefined): string {
  if (status === undefined) return 'broken off by its client after';
  if (status < 400) return 'pushed in';
  return `${status < SERVER_ERROR ? 'refused' : 'failed'} (${String(status)}) after`;
}

/** `sha256:3c0b65fc7559` where the digest is known, else the beginning of the session. */
function shortName(path: string, digest: string | undefined): string {
  if (digest === undefined) return (path.split('/').at(-1) ?? '').slice(0, SESSION_DIGITS);
  const [algorithm = '', digits = ''] = digest.replace(/%3a/i, ':').split(':', 2);
  return `${algorithm}:${digits.slice(0, DIGEST_DIGITS)}`;
}

/** What a terminal would take for a command, in a path or in the words of a registry. */
function harmless(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}

/** Ids of sessions are long, and tell nobody anything. */
function readable(path: string): string {
  return path.replace(/(\/blobs\/uploads\/[^/]{8})[^/]+$/, '$1…');
}
