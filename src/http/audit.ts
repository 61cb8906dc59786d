/** Changes of who may do what: each is one line of the log, with who made it, from where, and in which request. */
import { principalName } from '../auth/principal.ts';
import { auditLine } from './audit-line.ts';
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
export function auditChange(context: Context, actor: string, change: Change): void {
  auditLine('info', context, { ...change, actor });
}

/** What somebody deleted of a repository. @param reference a tag or a digest */
export function auditDeletion(context: RepositoryContext, reference: string): void {
  const { principal, repository } = context;
  auditLine('info', context, { action: 'deleted', actor: principalName(principal), repository, reference });
}

/** What a known caller was refused. Whoever has not signed in is only asked to. */
export function auditRefusal(
  context: Context,
  refused: { readonly right: string; readonly repository: string | undefined; readonly rule: string },
): void {
  const { principal } = context;
  if (!('name' in principal)) return;
  auditLine('warn', context, { action: 'refused', actor: principalName(principal), ...refused });
}
