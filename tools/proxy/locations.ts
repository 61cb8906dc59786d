/**
 * Addresses in answers (RFC 9110 §10.2.2 `Location`, RFC 8288 `Link`): one that leads to the registry is made to lead
 * through this proxy, any other is left as it is. Pure.
 */

/** Where an address was found. */
export interface Place {
  /** The registry. */
  readonly upstream: URL;
  /** Path and query of the request that was answered. */
  readonly path: string;
}

/** Scheme and authority, or an authority alone (RFC 3986 §4.2): what makes an address lead elsewhere. */
const BEGINNING = /^(?:[a-z][a-z\d+.-]*:)?\/\/[^/?#]*/i;

/** A `Location` for the client, which reaches this proxy under `authority`, its own `Host`. */
export function localLocation(location: string, place: Place, authority: string): string {
  const [beginning] = BEGINNING.exec(location) ?? [];
  // A path leads to whoever sent it, and the client got it from here.
  if (beginning === undefined || upstreamPath(location, place) === undefined) return location;
  const rest = location.slice(beginning.length);
  return `http://${authority}${rest.startsWith('/') ? '' : '/'}${rest}`;
}

/** A `Link` for the client: each address in it as by `localLocation`. */
export function localLink(link: string, place: Place, authority: string): string {
  return link.replace(/<([^<>]*)>/g, (_, address: string) => `<${localLocation(address, place, authority)}>`);
}

/**
 * Path and query at the registry that an address there leads to; undefined if it leads to another host. An address that
 * says http of a registry that is reached by https is meant as the same: those behind a TLS front often do not know.
 * The other way round it is another place, since a redirect to it must not come back here.
 */
export function upstreamPath(address: string, { upstream, path }: Place): string | undefined {
  const url = URL.parse(address, new URL(path, upstream).href);
  // `host` leaves out the port that a scheme has by default, so it is equal for http and https.
  const isThere = url?.host === upstream.host && (url.protocol === upstream.protocol || url.protocol === 'http:');
  return isThere ? url.pathname + url.search : undefined;
}
