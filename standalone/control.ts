/**
 * The control socket of a Berth that serves: lets `npm run backup` and `npm run verify` see the data at one instant.
 * It lies in the data directory, where only this user may come. A client sends words, a line each, and is answered a
 * line each: `ok`, or what is the matter.
 *
 *   hold     from now on what is deleted is kept; one client at a time
 *   pause    workerd stands still, for ten seconds at most
 *   resume   it goes on; `ok` only if it stood still all the time
 *   release  the end of hold: what was kept is gone when this is answered
 *
 * The end of the connection, however it comes, undoes it all. The serving process copies nothing itself and waits for
 * nobody: a client that hangs costs a pause of ten seconds, and the space of what was deleted while it is connected.
 */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { CONTROL_SOCKET } from './data-directory.ts';
import type { Files } from './files/files.ts';
import { socketPath } from './socket-path.ts';
import { describeError } from './start-failure.ts';
import { continueProcess, stopProcess } from './standstill.ts';

const LONGEST_PAUSE_MS = 10_000;

export const OK = 'ok';
export const BUSY = 'another backup or verify runs here. Wait for it, then try again.';

export interface Controlled {
  /** The data directory. */
  readonly root: string;
  readonly files: Files;
  /** Of the workerd that serves; undefined while there is none. */
  readonly workerdPid: () => number | undefined;
}

interface Pause {
  readonly pid: number;
  readonly timer: NodeJS.Timeout;
}

export class Control {
  readonly #controlled: Controlled;
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  #holder: Socket | undefined;
  #released: Promise<void> = Promise.resolve();
  #pause: Pause | undefined;

  private constructor(controlled: Controlled) {
    this.#controlled = controlled;
    this.#server = createServer((connection) => {
      this.#serve(connection);
    });
  }

  static async listen(controlled: Controlled): Promise<Control> {
    const control = new Control(controlled);
    control.#server.listen(socketPath(controlled.root, CONTROL_SOCKET));
    await once(control.#server, 'listening');
    control.#server.unref();
    return control;
  }

  /** Whoever copies is told by the end of his connection that it came to nothing; workerd has to run to finish its work. */
  close(): void {
    this.#server.close();
    for (const connection of this.#connections) connection.destroy();
    this.#resume();
  }

  #serve(connection: Socket): void {
    this.#connections.add(connection);
    // Nothing is asked of a client that has gone; its end is seen below.
    connection.on('error', () => undefined);
    connection.once('close', () => {
      this.#connections.delete(connection);
      if (this.#holder === connection) this.#release();
    });
    let received = '';
    let answered: Promise<unknown> = Promise.resolve();
    connection.setEncoding('utf8').on('data', (text: string) => {
      const words = `${received}${text}`.split('\n');
      received = words.pop() ?? '';
      for (const word of words) {
        answered = answered.then(async () => {
          const answer = await this.#obey(word, connection).catch(describeError);
          if (!connection.destroyed) connection.write(`${answer}\n`);
        });
      }
    });
  }

  async #obey(word: string, connection: Socket): Promise<string> {
    if (word === 'hold') return this.#hold(connection);
    if (this.#holder !== connection) return 'hold comes first';
    switch (word) {
      case 'pause':
        return this.#stop(connection);
      case 'resume':
        return this.#resume() ? OK : 'it did not stand still long enough';
      case 'release':
        this.#release();
        await this.#released;
        return OK;
      default:
        return 'there is no such word';
    }
  }

  async #hold(connection: Socket): Promise<string> {
    if (this.#holder !== undefined) return BUSY;
    this.#holder = connection;
    // What the last one held is gone first, or it would take some of this one's with it.
    await this.#released;
    // Gone meanwhile, it would never release.
    if (connection.destroyed) return BUSY;
    await this.#controlled.files.hold();
    return OK;
  }

  #release(): void {
    this.#resume();
    this.#holder = undefined;
    this.#released = this.#released.then(() => this.#controlled.files.release());
  }

  async #stop(connection: Socket): Promise<string> {
    const pid = this.#controlled.workerdPid();
    if (pid === undefined || this.#pause !== undefined) return 'workerd is not running. Try again in a moment.';
    this.#pause = { pid, timer: setTimeout(() => void this.#resume(), LONGEST_PAUSE_MS) };
    const stands = await stopProcess(pid);
    // The client may have gone, or the time be over.
    if (!stands || connection.destroyed || !this.#resumes(pid)) {
      this.#resume();
      continueProcess(pid);
      return 'workerd does not stand still. Try again in a moment.';
    }
    return OK;
  }

  #resumes(pid: number): boolean {
    return this.#pause?.pid === pid;
  }

  /** Whether it stood still until now: another workerd, or the same one after its time, has written meanwhile. */
  #resume(): boolean {
    const pause = this.#pause;
    if (pause === undefined) return false;
    this.#pause = undefined;
    clearTimeout(pause.timer);
    const stood = this.#controlled.workerdPid() === pause.pid;
    continueProcess(pause.pid);
    return stood;
  }
}
