/**
 * What the Queue's consumer does with a batch: appends it to the log, and wakes whoever reads that. It calls nobody outside,
 * so no webhook can hold up a batch, nor can an endpoint whose object fails: the log wakes that one later. A batch that is
 * delivered again changes nothing.
 */
import { configuredEndpoints } from '../notifications/configured-endpoints.ts';
import { configOf } from '../config.ts';
import { logEvent } from '../observability/log.ts';
import type { QueuedMessage } from './event-log/messages.ts';
import { Objects } from './stubs.ts';

/** Throws where it has to be delivered again. */
export async function consumeEvents(env: Env, messages: readonly QueuedMessage[]): Promise<void> {
  const objects = new Objects(env);
  const configured = configuredEndpoints(configOf(env)).map(({ name, events }) => ({ name, events: [...events] }));
  const { result } = await objects.eventLog().append(messages, configured);
  const failed: string[] = [];
  await Promise.all(
    result.readers.map(async (reader) => {
      try {
        await objects.endpoint(reader.name).wake(reader);
      } catch (error) {
        logEvent('warn', 'endpoint not woken', { endpoint: reader.name, error: String(error) });
        failed.push(reader.name);
      }
    }),
  );
  if (failed.length > 0) await objects.eventLog().wakeLater(failed);
}
