/** What happened in the whole registry, page by page: `/admin/events`. */
import { query } from '../context.ts';
import { listAnswer, pageSizeOf } from '../pages.ts';
import type { AdminContext } from './administrator.ts';
import { cursorOf, demandParameters, dropped, listedEvent } from './listed-event.ts';

/** Oldest first. `next` is the cursor to go on after, also where there is nothing more yet. */
export async function listEvents(context: AdminContext): Promise<Response> {
  const { meter, objects } = context;
  demandParameters(context, ['after', 'n']);
  const after = cursorOf(query(context, 'after') ?? '0', 'after');
  const size = pageSizeOf(context);
  const log = objects.eventLog();
  let page = await meter.call(log.read(after));
  // Here, and nowhere else, 0 is the beginning, whatever that is now.
  if (page.kind === 'gone' && after === 0) page = await meter.call(log.read(page.oldest));
  if (page.kind !== 'page') throw dropped(page);
  const events = page.events.slice(0, size);
  const next = String(events.at(-1)?.cursor ?? page.next);
  const more = !page.isEnd || events.length < page.events.length;
  return listAnswer({ events: events.map(listedEvent), next, more }, new Headers());
}
