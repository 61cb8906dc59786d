/** An issuer of tokens for jobs, with keys of its own and a host of its own on the tests' internet (test/internet.ts). */
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';
import * as v from 'valibot';

const CONTROL = 'https://the.internet/';

interface SigningKey {
  readonly kid: string;
  readonly own: CryptoKey;
  readonly shown: JWK;
}

export class TestIssuer {
  readonly url = `https://${crypto.randomUUID()}.issuer.example`;
  #key: SigningKey | undefined;

  static async open(): Promise<TestIssuer> {
    const issuer = new TestIssuer();
    await issuer.put('/.well-known/openid-configuration', {
      body: JSON.stringify({ issuer: issuer.url, jwks_uri: `${issuer.url}/keys` }),
    });
    await issuer.newKey();
    return issuer;
  }

  /** Signs with another key from now on, and shows that alone. */
  async newKey(): Promise<void> {
    const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
    const kid = crypto.randomUUID();
    this.#key = { kid, own: privateKey, shown: { ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' } };
    await this.show();
  }

  /** Answers with its keys. */
  show(): Promise<void> {
    return this.put('/keys', { body: JSON.stringify({ keys: [this.#key?.shown] }) });
  }

  put(path: string, page: { status?: number; headers?: Record<string, string>; body?: string }): Promise<void> {
    return tell(`?url=${encodeURIComponent(`${this.url}${path}`)}`, { method: 'PUT', body: JSON.stringify(page) });
  }

  /** The paths that were asked for. */
  async asked(): Promise<string[]> {
    const response = await fetch(`${CONTROL}?host=${new URL(this.url).host}`);
    return v.parse(v.array(v.string()), await response.json()).map((url) => new URL(url).pathname);
  }

  /** A token of a job: of acme/app's main branch, unless `claims` say otherwise. */
  async token(audience: string, claims: Record<string, unknown> = {}): Promise<string> {
    if (this.#key === undefined) throw new Error('no key');
    const seconds = Math.floor(Date.now() / 1_000);
    const said = {
      ...{ iss: this.url, aud: audience, sub: 'repo:acme/app:ref:refs/heads/main' },
      ...{ iat: seconds, nbf: seconds, exp: seconds + 300 },
      ...{ repository: 'acme/app', repository_owner_id: '7', ref: 'refs/heads/main' },
      ...claims,
    };
    return new SignJWT(said).setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: this.#key.kid }).sign(this.#key.own);
  }
}

async function tell(query: string, init: RequestInit): Promise<void> {
  const response = await fetch(`${CONTROL}${query}`, init);
  if (!response.ok) throw new Error(`the internet answered ${String(response.status)}`);
}
