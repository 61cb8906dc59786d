/**
 * The part writes of each multipart write that are under way, and which write of a part came last.
 *
 * A part lies in the file where it belongs, so two writes of one part must never overlap: a later one ends the earlier
 * one first. Nor may a write touch a file that has become an object: who completes ends them all first. What is not
 * here needs no record, since the writes of a process end with it.
 */
import { randomBytes } from 'node:crypto';
import { NoSuchUpload } from './failures.ts';

interface Write {
  readonly abort: AbortController;
  readonly ended: Promise<unknown>;
}

interface Upload {
  readonly writes: Map<number, Write>;
  /** By part number: the token of the last write that began. */
  readonly tokens: Map<number, string>;
  closing: boolean;
}

const TOKEN_BYTES = 12;

export class WritesInFlight {
  readonly #uploads = new Map<string, Upload>();

  /** Runs one write of a part, after an earlier one has ended. Answers the token that proves that it was the last. */
  async write(id: string, number: number, run: (signal: AbortSignal) => Promise<void>): Promise<string> {
    const upload = this.#upload(id);
    if (upload.closing) throw new NoSuchUpload('this multipart write is being ended');
    const token = randomBytes(TOKEN_BYTES).toString('hex');
    upload.tokens.set(number, token);
    const earlier = upload.writes.get(number);
    earlier?.abort.abort();
    const abort = new AbortController();
    const ended = (earlier?.ended ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => {
        abort.signal.throwIfAborted();
        return run(abort.signal);
      });
    const write = { abort, ended };
    upload.writes.set(number, write);
    try {
      await ended;
      return token;
    } finally {
      if (upload.writes.get(number) === write) upload.writes.delete(number);
    }
  }

  /** Whether a token can be the last one of its part: it is, or nothing is known since the process began. */
  isLast(id: string, number: number, token: string): boolean {
    const last = this.#uploads.get(id)?.tokens.get(number);
    return last === undefined || last === token;
  }

  /** Whether a part is being written, or the write itself ended. */
  isBusy(id: string): boolean {
    const upload = this.#uploads.get(id);
    return upload !== undefined && (upload.closing || upload.writes.size > 0);
  }

  /** Ends what is under way, and lets nothing begin while `work` runs. Forgets the upload when that succeeds. */
  async close<T>(id: string, work: () => Promise<T>): Promise<T> {
    const upload = this.#upload(id);
    if (upload.closing) throw new NoSuchUpload('this multipart write is being ended already');
    upload.closing = true;
    try {
      const writes = [...upload.writes.values()];
      for (const { abort } of writes) abort.abort();
      await Promise.allSettled(writes.map(({ ended }) => ended));
      const result = await work();
      this.#uploads.delete(id);
      return result;
    } finally {
      upload.closing = false;
    }
  }

  #upload(id: string): Upload {
    let upload = this.#uploads.get(id);
    if (upload === undefined) {
      upload = { writes: new Map(), tokens: new Map(), closing: false };
      this.#uploads.set(id, upload);
    }
    return upload;
  }
}
