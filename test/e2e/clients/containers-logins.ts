/** How podman, buildah and skopeo sign in and out: by one library (containers/image), with the same words. */
import type { RegistryClient } from './client.ts';
import type { CommandResult } from './command.ts';
import { containersConfig, keepRefreshToken } from './docker-config.ts';
import type { Scratch } from './scratch.ts';

export function containersLogins(
  run: (...args: string[]) => Promise<CommandResult>,
  scratch: Scratch,
): Pick<RegistryClient, 'login' | 'logout'> {
  return {
    async login(host, credentials) {
      // They take a refresh token from a file, and never ask for one.
      if (credentials.kind === 'refresh-token') keepRefreshToken(containersConfig(scratch), host, credentials);
      else {
        const { name, password } = credentials;
        await run('login', '--tls-verify=false', '--username', name, '--password', password, host);
      }
    },
    async logout(host) {
      await run('logout', host);
    },
  };
}
