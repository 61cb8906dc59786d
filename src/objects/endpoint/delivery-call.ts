/** One request to a receiver: rendered, signed, called. */
import { plainHost } from '../../notifications/destination.ts';
import { renderedBody } from '../../notifications/rendering.ts';
import { signedHeaders } from '../../notifications/signature.ts';
import type { RegistryEvent } from '../../notifications/event.ts';
import { callWebhook, type CallOutcome } from '../../notifications/webhook-call.ts';
import type { Outbound } from './outbound.ts';
import type { ReadyEndpoint } from './ready-endpoint.ts';

const USER_AGENT = 'Berth-Webhook/1';

const OWN_ADDRESS = "the address is the registry's own, as this event's client reached it: change the url";

/** Never throws. @param id the header `webhook-id`, the same at each attempt */
export async function callReceiver(
  outbound: Outbound,
  endpoint: ReadyEndpoint,
  id: string,
  events: readonly [RegistryEvent, ...RegistryEvent[]],
): Promise<CallOutcome> {
  const host = plainHost(new URL(endpoint.document.url));
  if (events.some(({ cause }) => plainHost(new URL(cause.origin)) === host)) return notSent(OWN_ADDRESS);
  try {
    return await call(outbound, endpoint, id, events);
  } catch (error) {
    return notSent(String(error));
  }
}

function notSent(answer: string): CallOutcome {
  return { kind: 'failed', status: undefined, answer, retryAfterMs: undefined };
}

async function call(
  outbound: Outbound,
  { document, headers, signingSecrets, secretTexts }: ReadyEndpoint,
  id: string,
  events: readonly [RegistryEvent, ...RegistryEvent[]],
): Promise<CallOutcome> {
  const { type, body } = renderedBody(document, events);
  const timestamp = Math.floor(Date.now() / 1_000);
  const signed = await signedHeaders({ id, timestamp, body }, signingSecrets);
  return callWebhook(
    outbound,
    {
      url: document.url,
      headers: { ...headers, 'content-type': type, 'user-agent': USER_AGENT, ...signed },
      body,
      timeoutMs: document.timeoutMs,
      secrets: secretTexts,
    },
    Date.now,
  );
}
