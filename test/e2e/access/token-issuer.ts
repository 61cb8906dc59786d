/**
 * An issuer of tokens for jobs, as a CI system has one: it publishes its configuration and keys, signs what it is told, and
 * gives a job of GitHub Actions the token that it asks for.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';
import * as v from 'valibot';

const KID = 'e2e';
const REQUEST_TOKEN = 'what a job asks for its token with';

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
    const server = createServer(({ url = '', headers }, response) => {
      const { pathname, searchParams } = new URL(url, 'http://issuer');
      const mayAsk = pathname === '/request' && headers.authorization === `Bearer ${REQUEST_TOKEN}`;
      const audience = searchParams.get('audience') ?? '';
      const page = mayAsk ? issuer.token(audience).then((value) => ({ value })) : pages.get(pathname);
      void Promise.resolve(page).then((found) => {
        response.writeHead(found === undefined ? 404 : 200, { 'content-type': 'application/json' });
        response.end(JSON.stringify(found ?? {}));
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = v.parse(v.object({ port: v.number() }), server.address());
    const url = `http://127.0.0.1:${String(port)}`;
    pages.set('/.well-known/openid-configuration', { issuer: url, jwks_uri: `${url}/keys` });
    const issuer = new TokenIssuer(url, server, privateKey);
    return issuer;
  }

  /** What GitHub sets for a job that may ask for its token. */
  get actions(): Readonly<Record<string, string>> {
    return {
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: REQUEST_TOKEN,
      ACTIONS_ID_TOKEN_REQUEST_URL: `${this.url}/request?api-version=2.0`,
    };
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
