/**
 * A request whose answer ends only when its client hangs up: the live stream of events. A registry that stops does not
 * wait for it; its clients come again by themselves, and go on where they were.
 *
 * The front passes bytes and does not know where requests begin, but a client that was answered sends the next one by itself, so
 * it stands where a read begins. Bytes of an upload that look like one cost that upload at a stop, and it is tried again.
 */
const STREAM = Buffer.from('GET /admin/events/stream');
const BEHIND_PATH: ReadonlySet<number | undefined> = new Set(Buffer.from(' ?'));

/** @param read what a client said, from where the system gave it on */
export function isEndless(read: Buffer): boolean {
  return (
    read[0] === STREAM[0] && STREAM.equals(read.subarray(0, STREAM.length)) && BEHIND_PATH.has(read[STREAM.length])
  );
}
