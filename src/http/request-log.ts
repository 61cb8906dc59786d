/**
 * One structured line a request. Of its headers it has the two that name software, of its address what opens nothing
 * (logged-target.ts), and nothing of its body: no secret can be in it. `npm start` makes an access log of it.
 */
import { logEvent } from '../observability/log.ts';
import { principalName, type Principal } from '../auth/principal.ts';
import type { WorkMeter } from '../observability/work.ts';
import { connectionOf } from './client-address.ts';
import { loggedReferer, loggedTarget } from './logged-target.ts';

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
  /** Where the client is, where that is known for sure (client-address.ts). */
  address?: string | undefined;
}

/** What a handler, or who checks a caller, has to say of a request for its line. */
export type Note = (said: { principal?: Principal; refusedBy?: string }) => void;

/** Anything longer in a path is somebody's play. */
const LOGGED_CHARACTERS = 300;

/** Of an upload, in the answer to a chunk (end-5): the last byte that it has. */
const UPLOADED = /^0-(\d{1,15})$/;
const CREATED = 201;
const ACCEPTED = 202;

export function logRequest(record: RequestRecord, request: Request, response: Response): void {
  const work = record.meter?.work;
  const received = lengthOf(request.headers);
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
    bytes: lengthOf(response.headers),
    received: received === 0 ? undefined : received,
    uploaded: uploadedBytes(record, response),
    digest: response.status === CREATED ? (response.headers.get('docker-content-digest') ?? undefined) : undefined,
    durationMs: Date.now() - record.started,
    objectCalls: work?.objectCalls ?? 0,
    storeOperations: work?.storeOperations ?? 0,
    address: record.address,
    connection: connectionOf(request),
    target: loggedTarget(request.url),
    userAgent: request.headers.get('user-agent')?.slice(0, LOGGED_CHARACTERS),
    referer: refererOf(request.headers),
  });
}

function refererOf(headers: Headers): string | undefined {
  const referer = headers.get('referer');
  return referer === null ? undefined : loggedReferer(referer);
}

function lengthOf(headers: Headers): number | undefined {
  const length = headers.get('content-length') ?? '';
  return /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

/** How much of a blob there is after a chunk: docker does not say how large one is. */
function uploadedBytes({ method, route }: RequestRecord, { status, headers }: Response): number | undefined {
  if (method !== 'PATCH' || route !== 'upload' || status !== ACCEPTED) return undefined;
  const last = UPLOADED.exec(headers.get('range') ?? '')?.[1];
  return last === undefined ? undefined : Number(last) + 1;
}
