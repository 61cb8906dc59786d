/** What follows a sign-in, the same at every door: a line of the audit log, and an answer where it did not succeed. */
import type { SignedIn, SignIn } from '../../auth/authenticate.ts';
import { principalName } from '../../auth/principal.ts';
import { RegistryError } from '../../oci/error.ts';
import { auditLine, type Asked } from '../audit-line.ts';
import type { Note } from '../request-log.ts';
import { PAUSE_AFTER_FAILURE_MS } from './issuers.ts';

const BUSY_SECONDS = '2';
const MILLISECONDS = 1_000;

const NO_TRUST = { trust: undefined, issuer: undefined };

/** Of a job, also who says what it is. */
export function auditSignIn(
  asked: Asked,
  { principal, proof }: Pick<SignedIn, 'principal' | 'proof'>,
  action = 'signed in',
): void {
  const { trust, issuer } = principal.kind === 'workload' ? principal : NO_TRUST;
  auditLine('info', asked, { action, actor: principalName(principal), proof, trust, issuer });
}

/** As `auditSignIn`, at a door beside the registry's own. */
export function auditArrival(
  asked: Asked,
  who: { readonly actor: string; readonly proof: string; readonly door: string },
): void {
  auditLine('info', asked, { action: 'signed in', ...who });
}

/** A name that nobody has is not logged: it may be a password that was typed in the wrong place. */
export function refusedSignIn(
  result: Exclude<SignIn, { kind: 'signed-in' }>,
  challenge: string,
  { note, ...asked }: Asked & { readonly note: Note },
): RegistryError {
  const reason = reasonOf(result);
  note({ refusedBy: reason });
  auditLine('warn', asked, { action: 'sign-in refused', reason });
  switch (result.kind) {
    case 'refused':
      return new RegistryError('UNAUTHORIZED', {
        message: result.message,
        headers: { 'www-authenticate': challenge },
      });
    case 'too-many':
      return new RegistryError('TOOMANYREQUESTS', {
        message: `there were too many wrong passwords from your network; try again in ${String(result.seconds)} seconds`,
        headers: { 'retry-after': String(result.seconds) },
      });
    case 'busy':
      return new RegistryError('UNAVAILABLE', {
        message: 'too many passwords are being checked at once; try again in a moment',
        headers: { 'retry-after': BUSY_SECONDS },
      });
    case 'no-keys':
      return new RegistryError('UNAVAILABLE', {
        message: "the issuer of this job's token cannot be asked for its keys just now; try again in a moment",
        headers: { 'retry-after': String(PAUSE_AFTER_FAILURE_MS / MILLISECONDS) },
      });
  }
}

function reasonOf(result: Exclude<SignIn, { kind: 'signed-in' }>): string {
  if (result.kind === 'refused') return result.reason;
  return REASONS[result.kind];
}

const REASONS = {
  'too-many': 'too many guesses',
  busy: 'too many passwords at once',
  'no-keys': 'the issuer cannot be asked',
} as const;
