/** The least that makes a Berth ask who comes: one person with a password, and a policy that lets whoever signs in do all. */
import { hashSync } from 'bcryptjs';
import type { Password } from '../clients/client.ts';

export const PERSON: Password = { kind: 'password', name: 'hugo', password: 'correct horse battery' };

/** bcrypt's least, which `htpasswd -B` takes too. */
const COST = 5;
const EVERYTHING = { name: 'all', subjects: ['authenticated'], repositories: ['**'], actions: ['*'] };

export const WITH_ONE_PERSON: Readonly<Record<string, string>> = {
  BERTH_HTPASSWD: htpasswdLine(PERSON),
  BERTH_POLICY: JSON.stringify({ rules: [EVERYTHING] }),
};

export function htpasswdLine({ name, password }: Password): string {
  return `${name}:${hashSync(password, COST)}`;
}

/** HTTP Basic (RFC 7617), which a registry takes whatever its challenge is. */
export function basic({ name, password }: Password): Readonly<Record<string, string>> {
  return { authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}` };
}
