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

/** Asked for each request, of which it knows the header `webhook-id`: the same at each attempt. */
export type React = (id: string) => Reaction;

export function answering(status: number, headers: OutgoingHttpHeaders = {}, body = ''): React {
  return () => ({ kind: 'answer', status, headers, body });
}

export const stalling: React = () => ({ kind: 'stall' });

export const dead: React = () => ({ kind: 'break' });

/** One after the other, and again from the first. */
export function byTurns(...reacts: readonly [React, ...React[]]): React {
  let turn = 0;
  return (id) => {
    const react = reacts[turn % reacts.length] ?? reacts[0];
    turn += 1;
    return react(id);
  };
}

/** @param chance gives true where it fails */
export function failingBy(chance: () => boolean, failure: React = answering(500)): React {
  const well = answering(200);
  return (id) => (chance() ? failure(id) : well(id));
}

/** Takes what it has refused so often already: each further attempt may come twice as late as the one before. */
export function atMost(failures: number, react: React): React {
  const failed = new Map<string, number>();
  const well = answering(200);
  return (id) => {
    const before = failed.get(id) ?? 0;
    const reaction = before < failures ? react(id) : well(id);
    if (reaction.kind === 'answer' && reaction.status < 300) failed.delete(id);
    else failed.set(id, before + 1);
    return reaction;
  };
}
