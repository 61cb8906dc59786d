/** Makes a secret, and what is kept of it. */
import { formatSecret, hashOf, SECRET_RANDOM_BYTES, type SecretKind } from '../auth/secret.ts';

export function freshSecret(kind: SecretKind): { readonly secret: string; readonly secretHash: string } {
  const secret = formatSecret(kind, crypto.getRandomValues(new Uint8Array(SECRET_RANDOM_BYTES)));
  return { secret, secretHash: hashOf(secret) };
}
