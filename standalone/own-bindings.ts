/** The Worker's bindings that `npm start` makes itself, besides those of wrangler.toml (runtime.ts). */

export const EVENT_QUEUE = 'EVENT_QUEUE';
export const OUTBOUND = 'OUTBOUND';
export const PEERS = 'PEERS';
/** How the served port is spoken to. A client can't say so, and workerd hears it through the front, which takes TLS away. */
export const SERVED_SCHEME = 'SERVED_SCHEME';

export const OWN_BINDINGS: readonly string[] = [
  ...[EVENT_QUEUE, OUTBOUND, PEERS, SERVED_SCHEME],
  ...['REPOSITORY_FILES', 'FILES', 'DISK'],
];
