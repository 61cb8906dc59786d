/** One structured line a request. No header, query or body is in it, so no secret can be. */
import { logEvent } from '../observability/log.ts';
import { principalName, type Principal } from '../auth/principal.ts';
import type { WorkMeter } from '../observability/work.ts';

export interface RequestRecord {
  id: string;
  /** Milliseconds since the epoch. */
  started: number;
  method: string;
  route?: string;
  repository?: string | undefined;
  reference?: string | undefined;
  /** The error code of a refused request. */
  error?: string;
  /** Of a request that was refused though loopback is open: what kept it from being local. A word of ours. */
  notLocal?: string | undefined;
  /** Of a request that says it comes through the proxy, and does not. A word of ours. */
  proxy?: string;
  /** Who sent it, once that was proven. */
  principal?: Principal;
  /** The rule of the policy that refused it, or what else did. */
  refusedBy?: string;
  meter?: WorkMeter;
}

/** What a handler, or who checks a caller, has to say of a request for its line. */
export type Note = (said: { principal?: Principal; refusedBy?: string }) => void;

/** Anything longer in a path is somebody's play. */
const LOGGED_CHARACTERS = 300;

export function logRequest(record: RequestRecord, response: Response): void {
  const work = record.meter?.work;
  const length = response.headers.get('content-length');
  logEvent(response.status >= 500 ? 'error' : 'info', 'request', {
    id: record.id,
    method: record.method.slice(0, LOGGED_CHARACTERS),
    route: record.route ?? 'none',
    repository: record.repository,
    reference: record.reference?.slice(0, LOGGED_CHARACTERS),
    status: response.status,
    error: record.error,
    principal: record.principal === undefined ? undefined : principalName(record.principal),
    notLocal: record.notLocal,
    proxy: record.proxy,
    refusedBy: record.refusedBy,
    bytes: length === null ? undefined : Number(length),
    durationMs: Date.now() - record.started,
    objectCalls: work?.objectCalls ?? 0,
    storeOperations: work?.storeOperations ?? 0,
  });
}
