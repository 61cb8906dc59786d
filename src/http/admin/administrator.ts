/**
 * Who may use the admin API: whoever has `BERTH_ADMIN_PASSWORD`, or a token marked for it of an account that is marked as
 * an administrator. Nothing else opens it: no policy, no open loopback, and no token of the token endpoint, whoever it was
 * made for (CVE-2026-123710). The object is asked each time, so that a revocation holds here at once.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { parseAuthorization, type Credentials } from '../../auth/credentials.ts';
import { hashOf, parseSecret } from '../../auth/secret.ts';
import { RegistryError } from '../../oci/error.ts';
import { Guesses, networkOf, type LimiterBindings } from '../access/guesses.ts';
import type { Context } from '../context.ts';
import { demandSameOrigin } from '../same-origin.ts';

/** The user that the password is of, where a client wants one. */
const ADMIN_USER = 'admin';
export const PASSWORD_ACTOR = 'admin password';
/** One an isolate. */
const GUESSES = new Guesses();

type Given = Exclude<Credentials, { kind: 'none' | 'malformed' }>;

export interface AdminContext extends Context {
  /** As it stands in the log: `user:alice`, or `admin password`. */
  readonly actor: string;
}

/** Throws UNAUTHORIZED, TOOMANYREQUESTS for a guess too many, or DENIED for somebody who is known and is no administrator. */
export async function asAdministrator(context: Context, limiters: LimiterBindings): Promise<AdminContext> {
  const { request, config } = context;
  demandSameOrigin(request, config);
  const given = parseAuthorization(request.headers.get('authorization'));
  if (given.kind === 'none' || given.kind === 'malformed') throw unauthorized();
  const secret = given.kind === 'basic' ? given.password : given.token;
  const kind = parseSecret(secret);
  if (kind === undefined) return withPassword(context, given, limiters);
  if (kind !== 'token') throw unauthorized();
  const found = await context.meter.call(context.objects.accounts().findBySecret(hashOf(secret)));
  if (found?.kind !== 'token' || found.owner.kind !== 'user') throw unauthorized();
  if (given.kind === 'basic' && given.name !== found.owner.name) throw unauthorized();
  if (!found.opensAdmin || !found.owner.isAdministrator) {
    throw new RegistryError('DENIED', {
      message: 'this token does not open the admin API: it takes one that an administrator had marked for it',
    });
  }
  return { ...context, actor: `user:${found.owner.name}` };
}

/** Guesses wait, and only those of one network for each other. */
async function withPassword(context: Context, given: Given, limiters: LimiterBindings): Promise<AdminContext> {
  const { address, now } = context.circumstances;
  const network = networkOf(address);
  const seconds = GUESSES.waitSeconds(PASSWORD_ACTOR, network, now);
  if (seconds !== undefined) {
    throw new RegistryError('TOOMANYREQUESTS', {
      message: `too many wrong passwords came from this network: try again in ${String(seconds)} s`,
      headers: { 'retry-after': String(seconds) },
    });
  }
  if (isAdminPassword(given, context.config.adminPassword)) return { ...context, actor: PASSWORD_ACTOR };
  await GUESSES.count(PASSWORD_ACTOR, network, now, limiters);
  throw unauthorized();
}

/** In a time that depends on neither: both are hashed first. */
function isAdminPassword(given: Given, password: string | undefined): boolean {
  if (password === undefined || (given.kind === 'basic' && given.name !== ADMIN_USER)) return false;
  return timingSafeEqual(sha256(given.kind === 'basic' ? given.password : given.token), sha256(password));
}

function sha256(text: string): Uint8Array {
  return createHash('sha256').update(text).digest();
}

function unauthorized(): RegistryError {
  return new RegistryError('UNAUTHORIZED', {
    message:
      'the admin API takes the password of the setting BERTH_ADMIN_PASSWORD, as the user "admin" or as a Bearer token, ' +
      "or an administrator's personal access token that was marked for it",
    headers: { 'www-authenticate': 'Basic realm="Berth administration"' },
  });
}
