/**
 * Which requests an endpoint's next events make: what it wants of a page of the log, in batches, and, where it wants strict
 * order, none of a repository while an earlier one of that is under way. Pure.
 */
import type { EndpointDocument } from '../../notifications/endpoint-document.ts';
import { isWanted } from '../../notifications/wanted.ts';
import type { LoggedEvent } from '../event-log/messages.ts';

/** Of a batch, as JSON: a hundred endpoints may have sixteen of them under way. A single event is shorter. */
export const BATCH_BYTES = 131_072;
const BYTES = new TextEncoder();

export interface PlannedRequest {
  readonly events: readonly [LoggedEvent, ...LoggedEvent[]];
  /** Whether it waits for an earlier one of its repository. */
  readonly isBlocked: boolean;
}

export interface Plan {
  readonly requests: readonly PlannedRequest[];
  /** The cursor of the last event that was dealt with. */
  readonly next: number;
}

interface Bounds {
  /** Requests that may be sent now. */
  readonly most: number;
  /** Requests that may be written down; and those that wait for an earlier one of their repository. */
  readonly mostWaiting: number;
  readonly mostBlocked: number;
  /** Whether the repository has a request under way. */
  readonly isBusy: (repository: string) => boolean;
}

type Rules = Pick<EndpointDocument, 'events' | 'repositories' | 'tags' | 'ignoreMediaTypes' | 'batch' | 'order'>;

interface OpenRequest {
  readonly events: [LoggedEvent, ...LoggedEvent[]];
  readonly isBlocked: boolean;
  bytes: number;
}

/** @param from the cursor that the page begins after */
export function plan(endpoint: Rules, page: readonly LoggedEvent[], from: number, bounds: Bounds): Plan {
  const { batch, order } = endpoint;
  const isOrdered = order === 'repository';
  const requests: OpenRequest[] = [];
  // A request of strict order is of one repository, so that it waits for no other.
  const last = new Map<string, OpenRequest>();
  let [next, sent, blocked] = [from, 0, 0];
  for (const logged of page) {
    const { cursor, event } = logged;
    if (isWanted(endpoint, event)) {
      const key = isOrdered ? event.repository : '';
      const open = last.get(key);
      const bytes = batch === 1 ? 0 : BYTES.encode(JSON.stringify(event)).byteLength;
      if (open !== undefined && open.events.length < batch && open.bytes + bytes <= BATCH_BYTES) {
        open.events.push(logged);
        open.bytes += bytes;
      } else {
        const isBlocked = isOrdered && (open !== undefined || bounds.isBusy(event.repository));
        if (isBlocked ? blocked >= bounds.mostBlocked : sent >= Math.min(bounds.most, bounds.mostWaiting)) break;
        const begun: OpenRequest = { events: [logged], isBlocked, bytes };
        requests.push(begun);
        last.set(key, begun);
        if (isBlocked) blocked += 1;
        else sent += 1;
      }
    }
    next = cursor;
  }
  return { requests, next };
}
