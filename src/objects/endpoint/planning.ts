/**
 * Which requests an endpoint's next events make: what it wants of a page of the log, in batches, and, where it wants strict
 * order, none of a repository while an earlier one of that is under way. Pure.
 */
import type { EndpointDocument } from '../../notifications/endpoint-document.ts';
import { isWanted } from '../../notifications/wanted.ts';
import type { LoggedEvent } from '../event-log/messages.ts';

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
  /** Requests that may be written down, those that wait included. */
  readonly mostWaiting: number;
  /** Of strict order: whether the repository has a request under way. */
  readonly isBusy: (repository: string) => boolean;
}

type Rules = Pick<EndpointDocument, 'events' | 'repositories' | 'tags' | 'ignoreMediaTypes' | 'batch' | 'order'>;

/** @param from the cursor that the page begins after */
export function plan(endpoint: Rules, page: readonly LoggedEvent[], from: number, bounds: Bounds): Plan {
  const requests: { events: [LoggedEvent, ...LoggedEvent[]]; isBlocked: boolean }[] = [];
  const busy = new Set<string>();
  let [next, sent] = [from, 0];
  for (const logged of page) {
    const { cursor, event } = logged;
    if (!isWanted(endpoint, event)) {
      next = cursor;
      continue;
    }
    const { repository } = event;
    const open = requests.at(-1);
    const isBlocked = endpoint.order === 'repository' && (busy.has(repository) || bounds.isBusy(repository));
    const joins =
      open !== undefined &&
      open.events.length < endpoint.batch &&
      !open.isBlocked &&
      // In order within one request is in order.
      (!isBlocked || (isOf(open.events, repository) && !bounds.isBusy(repository)));
    if (joins) open.events.push(logged);
    else {
      if (requests.length >= bounds.mostWaiting || (!isBlocked && sent >= bounds.most)) break;
      requests.push({ events: [logged], isBlocked });
      if (!isBlocked) sent += 1;
    }
    busy.add(repository);
    next = cursor;
  }
  return { requests, next };
}

function isOf(events: readonly LoggedEvent[], repository: string): boolean {
  return events.some(({ event }) => event.repository === repository);
}
