/**
 * A token of an outside server (distribution, "Token Authentication Implementation"): by the issuer that is trusted, for this
 * service, signed by a key that the settings name. What its `access` says is what its bearer may do: unlike Berth's own
 * token it does not only narrow. It makes nobody an administrator, and its `sub` is nobody's name here.
 */
import * as v from 'valibot';
import type { SignIn } from './authenticate.ts';
import type { Credentials } from './credentials.ts';
import type { Principal } from './principal.ts';
import { scopeOfAccess, type AccessEntry } from './scope.ts';
import { PRINTABLE } from './setting-document.ts';
import type { TokenServer } from './token-server-document.ts';
import { importedKey } from './trusted-key.ts';
import { REFUSED_HEADERS, verifyJwt, type FindKey, type InvalidReason } from './verify-jwt.ts';

const LONGEST_NAME_CHARACTERS = 255;
/** An extension that has to be understood is never ignored. */
const ALWAYS_REFUSED_HEADERS = ['crit'];

/** `reason` is for the log. */
type OutsideToken =
  | { readonly kind: 'valid'; readonly principal: Principal }
  | { readonly kind: 'invalid'; readonly reason: InvalidReason };

/** Go writes null for an empty list. */
const Entry = v.object({ type: v.string(), name: v.string(), actions: v.nullish(v.array(v.string()), []) });
const Claims = v.object({
  sub: v.nullish(
    v.union([v.literal(''), v.pipe(v.string(), v.maxLength(LONGEST_NAME_CHARACTERS), v.regex(PRINTABLE))]),
    '',
  ),
  access: v.nullish(v.array(v.unknown()), []),
});

/** @param now in ms since the epoch */
export async function verifyOutsideToken(token: string, server: TokenServer, now: number): Promise<OutsideToken> {
  const { issuer, service, algorithms, ignoresEmbeddedKeys } = server;
  const verified = await verifyJwt(
    token,
    keyOf(server),
    {
      algorithms,
      issuer,
      audience: service,
      required: ['exp'],
      refusedHeaders: ignoresEmbeddedKeys ? ALWAYS_REFUSED_HEADERS : REFUSED_HEADERS,
    },
    now,
  );
  if (verified.kind === 'invalid') return verified;
  const claims = v.safeParse(Claims, verified.payload);
  if (!claims.success) return { kind: 'invalid', reason: 'claims' };
  const { sub, access } = claims.output;
  const scope = scopeOfAccess(access.flatMap(entryOf));
  const principal: Principal =
    sub === '' ? { kind: 'anonymous', scope } : { kind: 'outside', name: sub, limits: [], scope };
  return { kind: 'valid', principal };
}

/** What is of no form that is known gives nothing, and takes nothing from what stands beside it. */
function entryOf(given: unknown): AccessEntry[] {
  const { success, output } = v.safeParse(Entry, given);
  return success ? [output] : [];
}

function keyOf({ keys, onlyKey }: TokenServer): FindKey {
  return async ({ kid, alg }) => {
    const key = kid === undefined ? onlyKey : keys.get(kid);
    if (key === undefined) return 'unknown-key';
    const algorithm = key.algorithms.find((known) => known === alg);
    return algorithm === undefined ? 'algorithm' : importedKey(key, algorithm);
  };
}

/** Nothing but a token of that server lets anybody in. */
export async function signInFromOutside(
  given: Exclude<Credentials, { kind: 'none' }>,
  server: TokenServer,
  now: number,
): Promise<SignIn> {
  if (given.kind !== 'bearer') {
    return {
      kind: 'refused',
      proof: 'password',
      reason: given.kind === 'basic' ? 'a password where tokens are taken' : 'malformed',
      message: `this registry takes tokens of its token server, which clients fetch from ${server.realm}, and no passwords`,
    };
  }
  const token = await verifyOutsideToken(given.token, server, now);
  if (token.kind === 'valid') {
    // Whoever came to the token server was seen there.
    return { kind: 'signed-in', principal: token.principal, proof: 'bearer', credential: '', isFresh: false };
  }
  return {
    kind: 'refused',
    proof: 'bearer',
    reason: token.reason,
    message: 'this token is not valid here, or not any more: fetch another one from the token server',
  };
}
