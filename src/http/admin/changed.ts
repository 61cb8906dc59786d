/** What follows each change of the administration. */
import { KNOWN } from '../access/known.ts';
import { auditChange, type Change } from '../audit.ts';
import type { AdminContext } from './administrator.ts';

/** It is logged, and what this isolate knew before is forgotten, so that its maker sees the change at once. */
export function changed(context: AdminContext, change: Change): void {
  KNOWN.forget();
  auditChange(context, context.actor, change);
}
