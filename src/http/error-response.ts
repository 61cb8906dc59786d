/**
 * The one place where failures become answers. A RegistryError is the client's to know (spec: "Error Codes"). Anything
 * else is ours: the client is told a request id and nothing more, and the log gets everything.
 */
import { RegistryError } from '../oci/error.ts';
import { isFull, type StorageDriver } from '../storage/driver.ts';
import { logEvent } from '../observability/log.ts';

const RETRY_AFTER_SECONDS = '1';
const OUTBOX_RETRY_SECONDS = '60';
/** developers.cloudflare.com/durable-objects/best-practices/error-handling */
const TRANSIENT_MARKS = ['retryable', 'overloaded', 'durableObjectReset'] as const;

export function errorResponse(error: unknown, requestId: string): Response {
  const known = error instanceof RegistryError ? error : unexpected(error, requestId);
  const { code, message, status, detail, headers } = known;
  const entry = detail === undefined ? { code, message } : { code, message, detail };
  // With its length, so that the answer to HEAD has it too.
  const body = new TextEncoder().encode(JSON.stringify({ errors: [entry] }));
  const own = { 'content-type': 'application/json', 'content-length': String(body.byteLength) };
  return new Response(body, { status, headers: { ...headers, ...own } });
}

/**
 * The failure, or that the disk is full where that is what it comes from: an object that cannot open its database fails
 * without a word, so then the store is asked.
 */
export async function explained(error: unknown, store: StorageDriver): Promise<unknown> {
  if (error instanceof RegistryError) return error;
  const full = isFull(error) || (await store.isFull?.().catch(() => false)) === true;
  if (!full) return error;
  logEvent('error', 'disk full', { error: String(error) });
  return storeFull();
}

/** RFC 4918 §11.5. */
export function storeFull(): RegistryError {
  return new RegistryError('UNAVAILABLE', {
    status: 507,
    message:
      'the disk of this registry is full; what was pushed before is safe and can be pulled. Whoever runs it has to make space, then push again',
  });
}

/** A registry that cannot tell what it does does nothing: see docs/notifications.md, "What is promised". */
export function outboxFull(): RegistryError {
  return new RegistryError('UNAVAILABLE', {
    message:
      'too many events of this repository wait to be sent, so nothing may change in it now; nothing was changed. ' +
      'Try again later; whoever runs the registry finds the reason in its log',
    headers: { 'retry-after': OUTBOX_RETRY_SECONDS },
  });
}

function unexpected(error: unknown, requestId: string): RegistryError {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  logEvent('error', 'unexpected failure', { id: requestId, error: stack });
  const detail = { requestId };
  // The platform marks what is worth another try: an object that moved, was reset, or has too much to do.
  if (isTransient(error)) {
    return new RegistryError('UNAVAILABLE', { detail, headers: { 'retry-after': RETRY_AFTER_SECONDS } });
  }
  return new RegistryError('UNKNOWN', { message: 'something went wrong here; the log has more under this id', detail });
}

function isTransient(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  return TRANSIENT_MARKS.some((mark) => Reflect.get(error, mark) === true);
}
