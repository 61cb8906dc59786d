/**
 * Clients that were answered 403 for their certificate, in the log: no request of theirs comes to the Worker, which would tell of
 * it otherwise. Anybody can be refused as often as he likes, so it is a line in a while, with how many there were besides.
 */
import type { X509Certificate } from 'node:crypto';
import { harmless } from '../harmless.ts';
import type { Terminal } from '../terminal.ts';
import { subjectOf } from './key-pair.ts';

const PAUSE_MS = 10_000;
/** A name that a stranger gave himself. */
const LONGEST_SUBJECT_CHARACTERS = 200;

export interface RefusedClient {
  readonly address: string | undefined;
  /** Undefined where it showed none. */
  readonly certificate: Pick<X509Certificate, 'subject'> | undefined;
  /** OpenSSL's code, as Node names it: `CERT_HAS_EXPIRED`. */
  readonly reason: string;
}

export class RefusedClients {
  readonly #terminal: Pick<Terminal, 'notice'>;
  readonly #now: () => number;
  #silentUntil = 0;
  #unsaid = 0;

  /** @param now in milliseconds; from where it counts is no matter */
  constructor(terminal: Pick<Terminal, 'notice'>, now: () => number = () => performance.now()) {
    this.#terminal = terminal;
    this.#now = now;
  }

  add({ address = 'unknown', certificate, reason }: RefusedClient): void {
    const now = this.#now();
    if (now < this.#silentUntil) {
      this.#unsaid += 1;
      return;
    }
    const subject = certificate && harmless(subjectOf(certificate).slice(0, LONGEST_SUBJECT_CHARACTERS));
    const others = this.#unsaid === 0 ? '' : `; ${String(this.#unsaid)} more were refused before`;
    this.#terminal.notice({
      level: 'warn',
      event: 'client-refused',
      message:
        subject === undefined
          ? `a client at ${address} was refused: it showed no certificate${others}`
          : `a client at ${address} was refused: the certificate of ${subject} will not do (${reason})${others}`,
      fields: { address, reason, ...(subject === undefined ? {} : { subject }), others: this.#unsaid },
    });
    this.#silentUntil = now + PAUSE_MS;
    this.#unsaid = 0;
  }
}
