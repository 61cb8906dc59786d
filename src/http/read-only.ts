/**
 * A registry that serves and takes nothing, by the setting BERTH_READ_ONLY: what would change a repository is answered 405,
 * whoever asks, once it is known that they might. Tokens are made for pushes as ever: a client that got none would only say
 * that it is not authorised, and this says why. Accounts, the policy and endpoints can be changed, and what nothing refers
 * to is collected: no pull can tell.
 */
import type { Config } from '../config.ts';
import { RegistryError } from '../oci/error.ts';

const MESSAGE =
  'this registry is read-only just now: pulls go on, and pushes and deletes are refused. Ask whoever runs it, or try again later';

/** @param methodsOfPath those that the path has otherwise */
export function demandWritable(
  { readOnly }: Pick<Config, 'readOnly'>,
  method: string,
  methodsOfPath: () => readonly string[],
): void {
  if (!readOnly || isReading(method)) return;
  throw new RegistryError('UNSUPPORTED', {
    message: MESSAGE,
    headers: { allow: methodsOfPath().filter(isReading).join(', ') },
  });
}

function isReading(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}
