/** Who it is that collects, in an event of it: the registry itself, and no request. */
import type { Config } from '../../config.ts';
import type { Cause } from '../../notifications/event.ts';

/** Where clients reach the registry, when no setting says it: nobody is there. */
const NOWHERE = 'https://berth.invalid';

/** Undefined where what is collected is no event. */
export function collectionCauseOf({
  events,
  collectionEvents,
  publicUrl,
}: Pick<Config, 'events' | 'collectionEvents' | 'publicUrl'>): Cause | undefined {
  if (!events || !collectionEvents) return undefined;
  return {
    requestId: '',
    method: '',
    origin: publicUrl ?? NOWHERE,
    userAgent: '',
    actor: { kind: 'collection' },
    deployment: '',
  };
}
