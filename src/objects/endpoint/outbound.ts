/**
 * Through what webhooks are called. `npm start` binds a network of its own, which looks at the address that a name resolves to;
 * on Cloudflare the flag `global_fetch_strictly_public` keeps `fetch` on the public internet.
 */
export interface OutboundBindings {
  OUTBOUND?: Fetcher;
}

export type Outbound = Pick<Fetcher, 'fetch'>;

export function outbound({ OUTBOUND }: OutboundBindings): Outbound {
  return OUTBOUND ?? { fetch: (input, init) => fetch(input, init) };
}
