/** An outside token server as tests have it, in Node and in workerd: its key, its document, and the tokens that it makes. */
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';

export const OUTSIDE = {
  realm: 'https://auth.example/token',
  service: 'registry.test',
  issuer: 'Test token server',
} as const;

const SECOND_MS = 1_000;
const LIFETIME_SECONDS = 300;

export interface Access {
  readonly type: string;
  readonly name: string;
  readonly actions?: readonly string[] | null;
}

export function repository(name: string, ...actions: readonly string[]): Access {
  return { type: 'repository', name, actions };
}

export const CATALOG: Access = { type: 'registry', name: 'catalog', actions: ['*'] };

export interface TokenParts {
  readonly sub?: string;
  /** In place of what the server would say; `undefined` leaves a claim out. */
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
  /** In ms since the epoch. */
  readonly now?: number;
  readonly by?: CryptoKey | Uint8Array;
}

export class OutsideIssuer {
  readonly algorithm: string;
  /** The public half, with its name. */
  readonly jwk: JWK;
  readonly privateKey: CryptoKey;

  private constructor(algorithm: string, jwk: JWK, privateKey: CryptoKey) {
    this.algorithm = algorithm;
    this.jwk = jwk;
    this.privateKey = privateKey;
  }

  static async make(algorithm = 'ES256', kid = 'key-1'): Promise<OutsideIssuer> {
    const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
    return new OutsideIssuer(algorithm, { ...(await exportJWK(publicKey)), kid }, privateKey);
  }

  /** As a setting has it. */
  document(changes: Readonly<Record<string, unknown>> = {}): string {
    return JSON.stringify({ ...OUTSIDE, jwks: { keys: [this.jwk] }, algorithms: [this.algorithm], ...changes });
  }

  token(access: readonly Access[], { sub = 'alice', claims, header, now = Date.now(), by }: TokenParts = {}) {
    const seconds = Math.floor(now / SECOND_MS);
    return new SignJWT({
      iss: OUTSIDE.issuer,
      aud: OUTSIDE.service,
      sub,
      iat: seconds,
      nbf: seconds,
      exp: seconds + LIFETIME_SECONDS,
      jti: 'once',
      access,
      ...claims,
    })
      .setProtectedHeader({ alg: this.algorithm, typ: 'JWT', kid: this.jwk.kid ?? '', ...header })
      .sign(by ?? this.privateKey);
  }
}
