/** A file store in a directory of the test's own, and the service on it, as files.ts starts them. */
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { FileStore } from '../../../../standalone/files/file-store.ts';
import { serveFiles } from '../../../../standalone/files/service.ts';

/** What space.ts keeps, of a disk of usual size. */
const KEPT_BYTES = 64 * 1024 * 1024;

export class ScratchStore {
  readonly root: string;
  readonly store: FileStore;
  #socket: string | undefined;

  private constructor(root: string, store: FileStore) {
    this.root = root;
    this.store = store;
  }

  static async open(): Promise<ScratchStore> {
    const root = mkdtempSync(join(tmpdir(), 'berth-files-'));
    onTestFinished(() => {
      rmSync(root, { recursive: true, force: true });
    });
    return new ScratchStore(root, await FileStore.open(root, { sync: false }));
  }

  /** What blobs may take, as far as other programs leave it. */
  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.root);
    return bavail * bsize - KEPT_BYTES;
  }

  /** Names of what is unfinished. */
  get uploads(): string[] {
    return readdirSync(join(this.root, 'uploads'));
  }

  async connect(): Promise<Connection> {
    const socket = connect((this.#socket ??= await this.#serve()));
    onTestFinished(() => {
      socket.destroy();
    });
    return new Connection(socket);
  }

  async #serve(): Promise<string> {
    const socket = join(this.root, 'socket');
    const server = serveFiles(this.store);
    onTestFinished(() => {
      server.close();
      server.closeAllConnections();
    });
    server.listen(socket);
    await once(server, 'listening');
    return socket;
  }
}

/** Sends requests byte by byte, as no HTTP client does that has had its answer. */
export class Connection {
  readonly #socket: Socket;
  /** The connection is gone, however it went. */
  readonly closed: Promise<void>;
  #heard = '';

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (piece) => {
      this.#heard += piece.toString('latin1');
    });
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        resolve();
      });
    });
  }

  /** Statuses of all answers that have come. */
  get statuses(): number[] {
    return [...this.#heard.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
  }

  /** The head of a request; its body is written by the test. */
  begin(method: string, path: string, length: number): Promise<void> {
    return this.write(
      Buffer.from(`${method} ${path} HTTP/1.1\r\nHost: files\r\nContent-Length: ${String(length)}\r\n\r\n`),
    );
  }

  /** Fulfilled when the system has taken the bytes. */
  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => {
        if (error === null || error === undefined) resolve();
        else reject(error);
      });
    });
  }
}
