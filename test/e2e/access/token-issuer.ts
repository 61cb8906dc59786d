/** An issuer of tokens for jobs, as a CI system has one: it publishes its configuration and keys, and signs what it is told. */
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';
import * as v from 'valibot';

const KID = 'e2e';

export class TokenIssuer {
  readonly url: string;
  readonly #server: Server;
  readonly #key: CryptoKey;

  private constructor(url: string, server: Server, key: CryptoKey) {
    this.url = url;
    this.#server = server;
    this.#key = key;
  }

  static async start(): Promise<TokenIssuer> {
    const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
    const keys = [{ ...(await exportJWK(publicKey)), kid: KID, use: 'sig', alg: 'RS256' }];
    const pages = new Map<string, object>([['/keys', { keys }]]);
    const server = createServer(({ url = '' }, response) => {
      const page = pages.get(url);
      response.writeHead(page === undefined ? 404 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(page ?? {}));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = v.parse(v.object({ port: v.number() }), server.address());
    const url = `http://127.0.0.1:${String(port)}`;
    pages.set('/.well-known/openid-configuration', { issuer: url, jwks_uri: `${url}/keys` });
    return new TokenIssuer(url, server, privateKey);
  }

  /** A token with GitHub's claims, of a job of acme/app unless `claims` say otherwise. */
  token(audience: string, claims: Record<string, unknown> = {}): Promise<string> {
    return new SignJWT({
      sub: 'repo:acme/app:ref:refs/heads/main',
      repository: 'acme/app',
      repository_owner_id: '7',
      ref: 'refs/heads/main',
      ...claims,
    })
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: KID })
      .setIssuer(this.url)
      .setAudience(audience)
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(this.#key);
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close').catch(() => undefined);
  }
}
