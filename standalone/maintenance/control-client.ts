/** The other end of the control socket (../control.ts): asks a Berth that serves to stand still. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { BUSY, OK } from '../control.ts';
import { CONTROL_SOCKET } from '../data-directory.ts';
import { findSocket } from '../socket-path.ts';
import { StartFailure } from '../start-failure.ts';

export type Order = 'hold' | 'pause' | 'resume' | 'release';

export class ControlClient {
  readonly #connection: Socket;
  readonly #typed: string;
  #waiting: ((answer: string | undefined) => void) | undefined;
  #received = '';

  private constructor(connection: Socket, typed: string) {
    this.#connection = connection;
    this.#typed = typed;
    connection.on('error', () => undefined);
    connection.once('close', () => this.#waiting?.(undefined));
    connection.setEncoding('utf8').on('data', (text: string) => {
      this.#received += text;
      if (!this.#received.endsWith('\n')) return;
      const answer = this.#received.trim();
      this.#received = '';
      this.#waiting?.(answer);
    });
  }

  /** @param typed the data directory as people know it. Undefined when nobody listens there. */
  static async connect(path: string, typed: string): Promise<ControlClient | undefined> {
    const connection = connect(findSocket(path, CONTROL_SOCKET));
    try {
      await once(connection, 'connect');
    } catch {
      return undefined;
    }
    return new ControlClient(connection, typed);
  }

  /** Throws StartFailure unless it is obeyed. One at a time. */
  async order(word: Order): Promise<void> {
    const answer = await new Promise<string | undefined>((resolve) => {
      this.#waiting = resolve;
      if (this.#connection.closed) resolve(undefined);
      else this.#connection.write(`${word}\n`);
    });
    this.#waiting = undefined;
    if (answer === OK) return;
    if (answer === BUSY) throw new StartFailure(`${this.#typed}: ${BUSY}`);
    throw new StartFailure(
      answer === undefined
        ? `The registry that served ${this.#typed} has ended meanwhile. Run this again.`
        : `The registry that serves ${this.#typed} can't be copied now: ${answer}`,
    );
  }

  /** Throws when the registry has ended: what it kept for us may be gone. */
  demandAlive(): void {
    if (this.#connection.closed)
      throw new StartFailure(`The registry that served ${this.#typed} has ended meanwhile. Run this again.`);
  }
}
