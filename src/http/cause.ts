/** The request that an event comes from, as its event tells of it. */
import { boundedCause, type Cause } from '../notifications/event.ts';
import type { Context } from './context.ts';
import { publicOrigin } from './location.ts';

/** Undefined where events are off: then nothing is written down of it. */
export async function causeOf(context: Context): Promise<Cause | undefined> {
  const { config, place, request, principal, circumstances, id, deployment } = context;
  if (!config.events) return undefined;
  const address = circumstances.address ?? (await context.peer());
  return boundedCause({
    requestId: id,
    method: request.method,
    origin: publicOrigin(request, place),
    ...(address === undefined ? {} : { address }),
    userAgent: request.headers.get('user-agent') ?? '',
    actor: 'name' in principal ? { kind: principal.kind, name: principal.name } : { kind: principal.kind },
    deployment,
  });
}
