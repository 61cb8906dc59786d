/**
 * TLS on connections that the front has accepted and looked at: handshakes, their limits, and what they are made with. A
 * renewal is for the next handshake; whoever is connected goes on with the keys that were agreed on.
 */
import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import type { Material } from './material.ts';
import { APPLICATION_PROTOCOLS, PROTOCOL } from './protocol.ts';
import { whyOf, type RefusedClient } from './refused-clients.ts';

const NO_CERTIFICATE = 'NO_CERTIFICATE';
const NO_TLS = 'NO_TLS';
/** As Go's clients wait for it. */
const HANDSHAKE_LIMIT_MS = 10_000;

interface Handshake {
  readonly raw: Socket;
  readonly settle: (client: TLSSocket | undefined) => void;
}

export class SecureSide {
  /** Told of each client that comes no further. */
  onRefused: ((client: RefusedClient) => void) | undefined;
  /** Listens nowhere: it is handed connections, as Node allows for its event 'connection'. */
  readonly #server: Server;
  /** By the addresses of both ends: Node says with which socket a handshake ended, and not on which it began. */
  readonly #handshakes = new Map<string, Handshake>();
  readonly #wantsCertificates: boolean;

  /** @param bufferBytes how much may lie between the client and whoever reads */
  constructor(material: Material, bufferBytes: number, handshakeLimitMs = HANDSHAKE_LIMIT_MS) {
    this.#wantsCertificates = material.clientCa !== undefined;
    this.#server = createServer({
      ...contextOptions(material),
      ALPNProtocols: APPLICATION_PROTOCOLS,
      handshakeTimeout: handshakeLimitMs,
      highWaterMark: bufferBytes,
      requestCert: this.#wantsCertificates,
      // Who has none, or a wrong one, is told so in HTTP; nothing but `isWelcome` lets anybody in.
      rejectUnauthorized: false,
    });
    this.#server.on('secureConnection', (client) => {
      // Of TLS 1.2: a client could have the server do the costly part again and again.
      client.disableRenegotiation();
      this.#settle(client, client);
    });
    this.#server.on('tlsClientError', (error, client) => {
      const reason = codeOf(error);
      this.onRefused?.({ why: whyOf(reason), address: client.remoteAddress, reason });
      this.#settle(client, undefined);
      // Node does it by itself where the handshake went wrong, its alert sent by then, and not where it took too long.
      client.destroy();
    });
  }

  /** For the next handshakes. A ticket that was made before is worth nothing then, so that an authority can be taken away. */
  use(material: Material): void {
    this.#server.setSecureContext(contextOptions(material));
  }

  /** Undefined where it did not come to that; the connection has ended then. */
  shakeHands(raw: Socket, first: Buffer): Promise<TLSSocket | undefined> {
    return new Promise((settle) => {
      const ends = endsOf(raw);
      const handshake = { raw, settle };
      this.#handshakes.set(ends, handshake);
      raw.once('close', () => {
        if (this.#handshakes.get(ends) === handshake) this.#handshakes.delete(ends);
        settle(undefined);
      });
      raw.unshift(first);
      this.#server.emit('connection', raw);
    });
  }

  /** Whether it may speak to the registry. Node takes a resumed session for authorized, also one that began without a certificate. */
  isWelcome(client: TLSSocket): boolean {
    if (!this.#wantsCertificates) return true;
    const certificate = client.getPeerX509Certificate();
    if (client.authorized && certificate !== undefined) return true;
    // Declared as an error, it is OpenSSL's code.
    const reason = certificate === undefined ? NO_CERTIFICATE : String(client.authorizationError);
    this.onRefused?.({ why: 'certificate', address: client.remoteAddress, certificate, reason });
    return false;
  }

  /** It tried no handshake. */
  refusePlain({ remoteAddress }: Socket): void {
    this.onRefused?.({ why: 'plain', address: remoteAddress, reason: NO_TLS });
  }

  #settle(ended: TLSSocket, client: TLSSocket | undefined): void {
    const ends = endsOf(ended);
    const handshake = this.#handshakes.get(ends);
    this.#handshakes.delete(ends);
    // Its addresses are no longer known where it broke off meanwhile.
    if (handshake === undefined) ended.destroy();
    else handshake.settle(client);
  }
}

function codeOf(error: NodeJS.ErrnoException): string {
  return error.code ?? error.message;
}

function endsOf({ localAddress, localPort, remoteAddress, remotePort }: Socket): string {
  return [localAddress, localPort, remoteAddress, remotePort].join(' ');
}

function contextOptions({ pair, clientCa }: Material): TlsOptions {
  return {
    ...PROTOCOL,
    cert: pair.cert,
    key: pair.key,
    // Without tickets there are no resumed sessions: each connection shows its certificate.
    ...(clientCa === undefined ? {} : { ca: clientCa, secureOptions: constants.SSL_OP_NO_TICKET }),
  };
}
