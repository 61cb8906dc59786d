/** One request to a receiver: rendered, signed, called. */
import { renderedBody } from '../../notifications/rendering.ts';
import { signedHeaders } from '../../notifications/signature.ts';
import type { RegistryEvent } from '../../notifications/event.ts';
import { callWebhook, type CallOutcome } from '../../notifications/webhook-call.ts';
import type { Outbound } from './outbound.ts';
import type { ReadyEndpoint } from './ready-endpoint.ts';

const USER_AGENT = 'Berth-Webhook/1';

/** Never throws. @param id the header `webhook-id`, the same at each attempt */
export async function callReceiver(
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
