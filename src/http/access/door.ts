/**
 * The doors beside the registry's own, `/admin` and `/account`. The object of accounts is asked each time, so that a
 * revocation holds there at once. Pages of other origins stay out, and what is refused is logged as it is everywhere.
 */
import { stands } from '../../auth/authenticate.ts';
import { parseAuthorization, type Credentials } from '../../auth/credentials.ts';
import { htpasswdOf } from '../../auth/htpasswd.ts';
import { networkOf } from '../../auth/networks.ts';
import { PeriodCounts } from '../../auth/period-counts.ts';
import { hashOf, parseSecret, type SecretKind } from '../../auth/secret.ts';
import type { Credential } from '../../objects/accounts/messages.ts';
import { RegistryError } from '../../oci/error.ts';
import type { Context } from '../context.ts';
import { demandSameOrigin } from '../same-origin.ts';
import { GUESSES } from './guesses.ts';
import { auditArrival, refusedSignIn } from './sign-in-answers.ts';

export interface Door {
  /** As it stands in the log. */
  readonly name: 'admin' | 'account';
  readonly challenge: string;
  /** What it takes. */
  readonly message: string;
}

/** A sign-in with the same credential from the same network is news once in this time. */
const NEWS_PERIOD_MS = 600_000;
const MOST_REMEMBERED = 2_000;
/** One an isolate, for both doors. */
const ARRIVALS = new PeriodCounts(NEWS_PERIOD_MS, MOST_REMEMBERED);

type Given = Exclude<Credentials, { kind: 'none' | 'malformed' }>;

/** What was brought. A token may come as the password of Basic or as a Bearer. */
export interface Brought {
  /** Undefined where only a secret was sent. */
  readonly name: string | undefined;
  readonly secret: string;
}

/** Throws DENIED for a page of another origin, and UNAUTHORIZED where nothing was brought that can be read. */
export function brought(door: Door, context: Context): Brought {
  const { request, config } = context;
  demandSameOrigin(request, config);
  const given = parseAuthorization(request.headers.get('authorization'));
  // Nobody has tried anything yet.
  if (given.kind === 'none') throw new RegistryError('UNAUTHORIZED', answerOf(door));
  if (given.kind === 'malformed') throw turnedAway(door, context, 'malformed');
  return broughtIn(given);
}

/** The credential of a secret of one of these kinds. Throws UNAUTHORIZED, or TOOMANYREQUESTS for one invention too many. */
export async function credentialOf(
  door: Door,
  context: Context,
  { name, secret }: Brought,
  kinds: readonly SecretKind[],
): Promise<Credential> {
  const { circumstances, meter, objects } = context;
  const kind = parseSecret(secret);
  if (kind === undefined || !kinds.includes(kind)) throw turnedAway(door, context, 'not a secret for here');
  const network = networkOf(circumstances.address);
  const seconds = GUESSES.secretWaitSeconds(network, circumstances.now);
  if (seconds !== undefined) throw refusedSignIn({ kind: 'too-many', seconds }, door.challenge, context);
  const found = await meter.call(objects.accounts().findBySecret(hashOf(secret)));
  // A line's token dies with the line, and only whoever reads the lines can tell.
  if (found === undefined || !stands(found, htpasswdOf(context.config))) {
    GUESSES.countUnknownSecret(network, circumstances.now);
    throw turnedAway(door, context, 'unknown secret');
  }
  if (name !== undefined && name !== found.owner.name) throw turnedAway(door, context, "another owner's secret");
  return found;
}

/** Who came in is a line of the audit log, unless it was a moment ago. */
export function cameIn(
  { name }: Door,
  context: Context,
  { actor, proof, credential }: { readonly actor: string; readonly proof: string; readonly credential: string },
): void {
  const { address, now } = context.circumstances;
  if (ARRIVALS.add(`${name} ${credential} ${networkOf(address) ?? ''}`, now) === 1)
    auditArrival(context, { actor, proof, door: name });
}

/** @param reason for the log alone */
export function turnedAway({ challenge, message }: Door, context: Context, reason: string): RegistryError {
  return refusedSignIn({ kind: 'refused', proof: 'password', reason, message }, challenge, context);
}

function broughtIn(given: Given): Brought {
  return given.kind === 'basic'
    ? { name: given.name, secret: given.password }
    : { name: undefined, secret: given.token };
}

function answerOf({ challenge, message }: Door): ConstructorParameters<typeof RegistryError>[1] {
  return { message, headers: { 'www-authenticate': challenge } };
}
