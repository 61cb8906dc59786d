/** The requests of one client to a Berth that crashes now and then. */
import { exchange } from './exchange.ts';
import type { Answer, Call } from './exchange.ts';
import type { UnstableBerth } from './unstable-berth.ts';

/**
 * workerd reads so much of a body that nobody wants, after an early 404, 409 or 416, and then breaks the connection, at
 * times before the client has read the answer.
 */
const UNREAD_BYTES = 64 * 1024;

export class Wire {
  readonly #berth: UnstableBerth;

  constructor(berth: UnstableBerth) {
    this.#berth = berth;
  }

  /**
   * Waits until the registry serves and asks it once. `undefined`: there was no answer, or one that asks to come again.
   * Throws when a connection broke that no kill has broken, and at every other 5xx.
   */
  async send(call: Call): Promise<Answer | undefined> {
    const berth = this.#berth;
    // First: a kill in the very moment in which it is waited for counts too.
    const killsBefore = berth.kills;
    const { url } = await berth.serving();
    berth.step();
    const step = (): void => {
      berth.step();
    };
    const body = { ...(call.body ?? { bytes: new Uint8Array() }), onSent: step, onEnd: step };
    const answer = await exchange(url, { ...call, body });
    berth.step();
    switch (answer.kind) {
      case 'left':
        return undefined;
      case 'broken':
        if (berth.kills > killsBefore || body.bytes.byteLength > UNREAD_BYTES) return undefined;
        throw new Error(`${call.method} ${call.path}: the connection broke (${answer.reason}), and nobody was killed`);
      case 'answer':
        if (answer.status < 500) return answer;
        if (answer.status === 503 && answer.headers['retry-after'] !== undefined) return undefined;
        throw new Error(`${call.method} ${call.path} was answered ${answer.status} ${answer.body.toString()}`);
    }
  }
}
