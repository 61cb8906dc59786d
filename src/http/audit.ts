/** Changes of who may do what: each is one line of the log, with who made it, from where, and in which request. */
import { logEvent } from '../observability/log.ts';
import type { Context } from './context.ts';

export interface Change {
  /** What was done: `account created`. */
  readonly action: string;
  /** To whom or what: `user:alice`, `robot:ci`. Never a secret, nor what a client wrote of its own. */
  readonly subject?: string;
  /** The id of a credential. */
  readonly credential?: string;
  readonly version?: number;
}

/** @param actor `user:alice`, or `admin password` */
export function auditChange({ id, circumstances }: Context, actor: string, change: Change): void {
  logEvent('info', 'audit', { ...change, actor, network: circumstances.address, id });
}
