/** The policy that the admin API was given, as it was stored. */
import { parsePolicy } from '../../auth/policy-document.ts';
import type { OwnPolicy } from '../../auth/policy.ts';
import { RegistryError } from '../../oci/error.ts';
import { logEvent } from '../../observability/log.ts';

/** Parsed once for each version that this isolate sees. */
let known: { readonly document: string; readonly policy: OwnPolicy } | undefined;

/** `undefined` where none was given. Throws UNAVAILABLE, and logs why, for one that cannot be read. */
export function storedPolicy(stored: { readonly document: string } | undefined): OwnPolicy | undefined {
  if (stored === undefined) return undefined;
  if (known?.document === stored.document) return known.policy;
  const result = parsePolicy(stored.document);
  // It was one when it was stored: an older Berth than the one that took it must not open what it closes.
  if (!result.ok) {
    logEvent('error', 'stored policy unreadable', { problems: result.mistakes.join('; ') });
    throw new RegistryError('UNAVAILABLE', { message: "this registry's policy cannot be read here; its log says why" });
  }
  known = { document: stored.document, policy: result.policy };
  return result.policy;
}
