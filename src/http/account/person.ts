/**
 * Who sees and changes the tokens of an account: its owner, who has signed in with the password or with a token. The object
 * is asked each time, so that a revocation holds here at once. A token that is limited sees itself and what it made: one that
 * leaks must not take the others away.
 */
import { parseAuthorization } from '../../auth/credentials.ts';
import { hashOf, parseSecret } from '../../auth/secret.ts';
import { RegistryError } from '../../oci/error.ts';
import type { Context } from '../context.ts';
import { demandSameOrigin } from '../same-origin.ts';

export interface PersonContext extends Context {
  /** The account's name. */
  readonly account: string;
  /** The id of what was signed in with. */
  readonly credential: string;
  /** The token that all else has to be made with, or be; undefined where the whole account is seen. */
  readonly within: string | undefined;
}

/** Throws UNAUTHORIZED. */
export async function asPerson(context: Context): Promise<PersonContext> {
  const { request, config, meter, objects } = context;
  demandSameOrigin(request, config);
  const given = parseAuthorization(request.headers.get('authorization'));
  if (given.kind === 'none' || given.kind === 'malformed') throw unauthorized();
  const secret = given.kind === 'basic' ? given.password : given.token;
  const kind = parseSecret(secret);
  if (kind !== 'password' && kind !== 'token') throw unauthorized();
  const found = await meter.call(objects.accounts().findBySecret(hashOf(secret)));
  if (found?.kind !== kind || found.owner.kind !== 'user') throw unauthorized();
  const { name } = found.owner;
  if (given.kind === 'basic' && given.name !== name) throw unauthorized();
  const within = kind === 'token' && found.limit !== undefined ? found.id : undefined;
  return { ...context, account: name, credential: found.id, within };
}

function unauthorized(): RegistryError {
  return new RegistryError('UNAUTHORIZED', {
    message: "sign in with your account's name and password, or with one of its personal access tokens",
    headers: { 'www-authenticate': 'Basic realm="Berth account"' },
  });
}
