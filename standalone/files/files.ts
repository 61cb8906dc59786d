/** The file service from outside: starts its thread and knows its socket. */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import * as v from 'valibot';
import { socketPath } from '../socket-path.ts';
import { SOCKET } from './layout.ts';

const THREAD = join(import.meta.dirname, 'thread.ts');

export interface FilesSettings {
  /** The data directory. */
  readonly root: string;
  /** Whether what is acknowledged is to survive a power cut. */
  readonly sync: boolean;
  /** The thread ended by itself, which only a defect can make it do. */
  readonly onLost: (reason: string) => void;
}

export class Files {
  /** A Unix socket that only this user may open. */
  readonly socket: string;
  readonly #thread: Worker;
  #orders = 0;

  private constructor(socket: string, thread: Worker) {
    this.socket = socket;
    this.#thread = thread;
  }

  /** Serves when the promise is fulfilled; rejects with the system's error when the directory cannot be used. */
  static async start({ root, sync, onLost }: FilesSettings): Promise<Files> {
    const socket = socketPath(root, SOCKET);
    const thread = new Worker(THREAD, { workerData: { root, socket, sync } });
    await new Promise<void>((resolve, reject) => {
      thread.once('message', () => {
        resolve();
      });
      thread.once('error', reject);
    });
    const files = new Files(socket, thread);
    thread.on('error', (error) => {
      onLost(error instanceof Error ? error.message : String(error));
    });
    // It does not keep a process alive that has nothing else to do.
    thread.unref();
    return files;
  }

  /** From now on deleted objects are kept, for a backup to copy. */
  hold(): Promise<void> {
    return this.#order('hold');
  }

  release(): Promise<void> {
    return this.#order('release');
  }

  #order(kind: 'hold' | 'release'): Promise<void> {
    this.#orders += 1;
    const id = this.#orders;
    return new Promise((resolve) => {
      const listen = (message: unknown): void => {
        if (!v.is(v.object({ id: v.literal(id) }), message)) return;
        this.#thread.off('message', listen);
        resolve();
      };
      this.#thread.on('message', listen);
      this.#thread.postMessage({ id, kind });
    });
  }
}
