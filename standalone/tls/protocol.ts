/**
 * What is spoken below HTTP, the same for every certificate. TLS 1.2 and 1.3 (RFC 8996 buries the older ones), and of 1.2
 * what Mozilla calls intermediate: forward secrecy and authenticated encryption, which every registry client has.
 */
import type { SecureContextOptions } from 'node:tls';

/** AES-128 first: it costs least. */
const CIPHERS = [
  ...['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
  ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ...['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ...['ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'],
];

export const PROTOCOL = {
  minVersion: 'TLSv1.2',
  ciphers: CIPHERS.join(':'),
  honorCipherOrder: true,
  // Tickets are bound to it; OpenSSL wants one where client certificates are asked for.
  sessionIdContext: 'berth',
} as const satisfies SecureContextOptions;

/** The one that workerd speaks (docs/adr/0015-tls-in-the-front.md). */
export const APPLICATION_PROTOCOLS = ['http/1.1'];
