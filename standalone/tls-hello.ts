/**
 * Clients that try HTTPS where only HTTP is spoken, and what they are told (docs/adr/0006-a-front-that-answers-tls.md).
 * Pure.
 */

/** RFC 8446 §5.1: the type of a record, its first byte. */
const HANDSHAKE = 0x16;

/** Any answer will do: no handshake begins like this, so the client falls back to HTTP at once. */
export const NOT_TLS =
  'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\nThis port speaks HTTP, not HTTPS.\n';

/** As nginx and Go say it. Clients that begin with HTTPS never see it, so nobody falls back by it. */
export const ONLY_TLS =
  'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\nThis port speaks HTTPS, not HTTP.\n';

/** To a client that has shown no certificate, or one of a stranger: a handshake that fails would tell nobody why. */
export const NO_CERTIFICATE =
  'HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Type: application/json\r\n\r\n' +
  '{"errors":[{"code":"DENIED","message":"this registry wants a certificate of its clients: none came, or none of an authority that it trusts"}]}\n';

/** @param first what came first on a connection. */
export function isTlsHello(first: Uint8Array): boolean {
  return first[0] === HANDSHAKE;
}
