/** A request that says only that requests arrive: the administrator's test of an endpoint. */
import { newEvent, type RegistryEvent } from '../../notifications/event.ts';
import { parseRepositoryName } from '../../oci/repository-name.ts';
import { callReceiver } from './delivery-call.ts';
import type { PingResult } from './messages.ts';
import type { Outbound } from './outbound.ts';
import type { ReadyEndpoint } from './ready-endpoint.ts';

function pingEvent(origin: string, now: number): RegistryEvent {
  const repository = parseRepositoryName('berth-ping');
  if (repository === undefined) throw new Error('it is a name');
  return newEvent(now, {
    kind: 'ping',
    repository,
    target: {},
    cause: {
      requestId: '',
      method: 'POST',
      origin,
      userAgent: 'Berth',
      actor: { kind: 'berth', name: 'ping' },
      deployment: '',
    },
  });
}

/** @param origin where clients reach the registry */
export async function ping(outbound: Outbound, endpoint: ReadyEndpoint, origin: string): Promise<PingResult> {
  const began = Date.now();
  const event = pingEvent(origin, began);
  const { kind, status, answer } = await callReceiver(outbound, endpoint, event.id, [event]);
  return { kind: 'answered', isDelivered: kind === 'delivered', status, durationMs: Date.now() - began, answer };
}
