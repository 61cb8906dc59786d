/** Changes of who may do what: each is one line of the log, with who made it, from where, and in which request. */
import { principalName } from '../auth/principal.ts';
import { logEvent } from '../observability/log.ts';
import type { Context, RepositoryContext } from './context.ts';

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

/** What somebody deleted of a repository. @param reference a tag or a digest */
export function auditDeletion(
  { id, circumstances, principal, repository }: RepositoryContext,
  reference: string,
): void {
  const actor = principalName(principal);
  logEvent('info', 'audit', { action: 'deleted', actor, repository, reference, network: circumstances.address, id });
}

/** What a known caller was refused. Whoever has not signed in is only asked to. */
export function auditRefusal(
  { id, circumstances, principal }: Context,
  refused: { readonly right: string; readonly repository: string | undefined; readonly rule: string },
): void {
  if (!('name' in principal)) return;
  const actor = principalName(principal);
  logEvent('warn', 'audit', { action: 'refused', actor, ...refused, network: circumstances.address, id });
}
