/**
 * SIGHUP, which ends a process that has no say in it. It is what has files read again (`systemctl reload`), whenever it
 * comes, also while Berth starts and where there is nothing to read; and it is what the system says when a terminal is closed.
 */
import { isatty } from 'node:tty';

const STANDARD_STREAMS = [0, 1, 2];

export interface HangUpHandlers {
  /** The terminal is gone that was there at first. */
  readonly stop: () => void;
  readonly isAtTerminal?: () => boolean;
}

export class HangUps {
  #reload: (() => void) | undefined;
  #isAsked = false;

  constructor({ stop, isAtTerminal = () => STANDARD_STREAMS.some(isatty) }: HangUpHandlers) {
    const wasAtTerminal = isAtTerminal();
    process.on('SIGHUP', () => {
      if (wasAtTerminal && !isAtTerminal()) stop();
      else if (this.#reload === undefined) this.#isAsked = true;
      else this.#reload();
    });
  }

  /** What is done from now on; at once if it was asked for before anybody could. */
  onReload(reload: () => void): void {
    this.#reload = reload;
    if (this.#isAsked) reload();
  }
}
