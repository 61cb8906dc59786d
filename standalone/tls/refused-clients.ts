/**
 * Clients that came no further than the served port, in the log: no request of theirs comes to the Worker, which would tell of it
 * otherwise. Anybody can be refused as often as he likes, so it is a line in a while, with how many there were besides.
 */
import type { X509Certificate } from 'node:crypto';
import { Seldom } from '../../src/observability/seldom.ts';
import { harmless } from '../harmless.ts';
import type { Terminal } from '../terminal.ts';
import { subjectOf } from './key-pair.ts';

const PAUSE_MS = 10_000;
/** A name that a stranger gave himself. */
const LONGEST_SUBJECT_CHARACTERS = 200;

export interface RefusedClient {
  /** Its certificate will not do; ours will not do for it; no handshake came to its end; or it tried none. */
  readonly why: 'certificate' | 'distrust' | 'handshake' | 'plain';
  readonly address: string | undefined;
  /** Undefined where it showed none. */
  readonly certificate?: Pick<X509Certificate, 'subject'> | undefined;
  /** OpenSSL's code, as Node names it: `CERT_HAS_EXPIRED`, `ERR_SSL_TLSV1_ALERT_UNKNOWN_CA`. */
  readonly reason: string;
}

/** The alerts by which a client says that it does not trust what it was shown (RFC 8446 §6.2). */
const DISTRUST =
  /ALERT_(?:BAD_CERTIFICATE|CERTIFICATE_EXPIRED|CERTIFICATE_REVOKED|CERTIFICATE_UNKNOWN|UNKNOWN_CA|UNSUPPORTED_CERTIFICATE)$/;

/** Of a handshake that broke off. */
export function whyOf(reason: string): 'distrust' | 'handshake' {
  return DISTRUST.test(reason) ? 'distrust' : 'handshake';
}

export class RefusedClients {
  readonly #terminal: Pick<Terminal, 'notice'>;
  readonly #now: () => number;
  /** Of each kind, so that none hides another. */
  readonly #seen = {
    certificate: new Seldom(PAUSE_MS),
    distrust: new Seldom(PAUSE_MS),
    handshake: new Seldom(PAUSE_MS),
    plain: new Seldom(PAUSE_MS),
  } as const satisfies Record<RefusedClient['why'], Seldom>;

  /** @param now in milliseconds; from where it counts is no matter */
  constructor(terminal: Pick<Terminal, 'notice'>, now: () => number = () => performance.now()) {
    this.#terminal = terminal;
    this.#now = now;
  }

  add({ why, address = 'unknown', certificate, reason }: RefusedClient): void {
    const times = this.#seen[why].seen(this.#now());
    if (times === undefined) return;
    const subject = certificate && harmless(subjectOf(certificate).slice(0, LONGEST_SUBJECT_CHARACTERS));
    const others = times - 1;
    const counted = others === 0 ? '' : `; ${String(others)} more were refused before`;
    this.#terminal.notice({
      level: why === 'certificate' ? 'warn' : 'info',
      event: 'client-refused',
      message: `a client at ${address} was refused: ${messageOf({ why, reason }, subject)}${counted}`,
      fields: { why, address, reason, ...(subject === undefined ? {} : { subject }), others },
    });
  }
}

function messageOf({ why, reason }: Pick<RefusedClient, 'why' | 'reason'>, subject: string | undefined): string {
  switch (why) {
    case 'certificate':
      return subject === undefined
        ? 'it showed no certificate'
        : `the certificate of ${subject} will not do (${reason})`;
    case 'distrust':
      return `it does not trust this registry's certificate (${reason}); has it got the authority's?`;
    case 'handshake':
      return `it came to no agreement on TLS (${reason})`;
    case 'plain':
      return 'it did not speak TLS, and this port speaks nothing else; its address has to begin with https://';
  }
}
