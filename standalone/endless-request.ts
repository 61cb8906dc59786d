/**
 * A first request whose answer ends only when its client hangs up: the live stream of events. A registry that stops does not
 * wait for it; its clients come again by themselves, and go on where they were.
 */
const STREAM = 'GET /admin/events/stream';

/** @param first what a client said first */
export function isEndless(first: Uint8Array): boolean {
  const start = new TextDecoder('latin1').decode(first.subarray(0, STREAM.length + 1));
  return start.startsWith(STREAM) && /[ ?]$/.test(start);
}
