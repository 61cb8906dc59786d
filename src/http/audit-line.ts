/** One line of the audit log: what was done, from where, and in which request. */
import type { Circumstances } from '../auth/decision.ts';
import { logEvent } from '../observability/log.ts';

export interface Asked {
  readonly id: string;
  readonly circumstances: Circumstances;
}

/** @param fields never a secret, nor what a client wrote of its own */
export function auditLine(
  level: 'info' | 'warn',
  { id, circumstances: { address, connection } }: Asked,
  fields: Parameters<typeof logEvent>[2],
): void {
  logEvent(level, 'audit', {
    ...fields,
    network: address,
    connection: address === undefined ? connection : undefined,
    id,
  });
}
