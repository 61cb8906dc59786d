/**
 * Names of accounts, robots and groups. An account's name is one part of a repository's name (distribution-spec, "Pulling
 * manifests"), so that the pattern `{user}/**` can have it in it, and holds nothing that a log or header could mistake.
 */
import { isNameComponent } from '../oci/repository-name.ts';

declare const brand: unique symbol;
/** Of an account or of a robot; each has names of its own. */
export type AccountName = string & { readonly [brand]: 'AccountName' };

const MOST_CHARACTERS = 64;
/** Groups come from outside too: `github:acme/builders`. */
const GROUP_FORM = /^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}$/;

export function parseAccountName(input: string): AccountName | undefined {
  return isAccountName(input) ? input : undefined;
}

export function isAccountName(input: string): input is AccountName {
  return input.length <= MOST_CHARACTERS && isNameComponent(input);
}

export function isGroupName(input: string): boolean {
  return GROUP_FORM.test(input);
}
