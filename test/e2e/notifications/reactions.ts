/** What a receiver does with a request: answers well, answers badly, or not at all. */
import type { OutgoingHttpHeaders } from 'node:http';

export type Reaction =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers?: OutgoingHttpHeaders;
      readonly body?: string;
    }
  /** It is read, and nothing comes back. */
  | { readonly kind: 'stall' }
  /** The connection ends without an answer, as of a server that is dying. */
  | { readonly kind: 'break' };

/** Asked for each request. */
export type React = () => Reaction;

export function answering(status: number, headers: OutgoingHttpHeaders = {}, body = ''): React {
  return () => ({ kind: 'answer', status, headers, body });
}

export const stalling: React = () => ({ kind: 'stall' });

export const dead: React = () => ({ kind: 'break' });

/** One after the other, and again from the first. */
export function byTurns(...reacts: readonly [React, ...React[]]): React {
  let turn = 0;
  return () => {
    const react = reacts[turn % reacts.length] ?? reacts[0];
    turn += 1;
    return react();
  };
}

/** @param chance gives true where it fails */
export function failingBy(chance: () => boolean, failure: React = answering(500)): React {
  const well = answering(200);
  return () => (chance() ? failure() : well());
}
