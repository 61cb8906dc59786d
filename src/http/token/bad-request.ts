/** What the token endpoint says of a request that it cannot take. */
import { BASIC_CHALLENGE } from '../../auth/challenge.ts';
import { RegistryError } from '../../oci/error.ts';

export function badRequest(message: string, status: 400 | 401 | 413 = 400): RegistryError {
  if (status !== 401) return new RegistryError('UNSUPPORTED', { status, message });
  return new RegistryError('UNAUTHORIZED', { message, headers: { 'www-authenticate': BASIC_CHALLENGE } });
}
