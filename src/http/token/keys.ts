/** `GET /.well-known/jwks.json` (RFC 7517 §5): the public halves of the keys that sign this registry's tokens. */
import { publicKeySet } from '../../auth/jwt.ts';
import type { SignInContext } from '../context.ts';

export function getKeys({ access }: SignInContext): Response {
  return Response.json(publicKeySet(access.publicKeys), { headers: { 'cache-control': 'no-store' } });
}
