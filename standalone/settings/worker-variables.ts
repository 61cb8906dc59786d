/** The variables with which the Worker runs under `npm start`. Pure; what is wrong with them, examine.ts finds. */
import { isSettingName } from '../../src/config.ts';
import { endpointSecrets } from '../endpoint-secrets.ts';
import { isLoopback } from '../exposure.ts';
import type { Environment } from '../setting-file.ts';
import { SETTINGS } from './table.ts';

export type Variables = Readonly<Record<string, unknown>>;

const ANONYMOUS = 'BERTH_ANONYMOUS';
const OPEN_LOOPBACK = 'BERTH_OPEN_LOOPBACK';
/** Each says of everybody what they may do. */
const CLOSING = ['BERTH_POLICY', 'BERTH_TOKEN_SERVER'];
/** Is for Cloudflare alone: what a client says of its own address here is not to be believed. */
const ON_CLOUDFLARE = 'BERTH_ON_CLOUDFLARE';
const OWN_DEFAULTS: Variables = Object.fromEntries(
  SETTINGS.flatMap(({ variable, ownDefault }) => (ownDefault === undefined ? [] : [[variable, ownDefault]])),
);

/**
 * What suits one machine, then what wrangler.toml says, then what was given, and nothing else of the environment but the
 * secrets of endpoints. Whether loopback is open is decided here alone: a variable that is left over from another start
 * must not open a registry that the network can reach. Who types BERTH_ANONYMOUS=none wants it closed, on loopback too;
 * and a policy and a token server say of everybody what they may do.
 *
 * @param configured [vars] of wrangler.toml
 * @param environment of Settings
 */
export function workerVariables(
  configured: Variables,
  environment: Environment,
  host: string,
): Record<string, unknown> {
  const settings = settingsOf(environment, Object.keys(configured));
  const { [OPEN_LOOPBACK]: chosen, [ON_CLOUDFLARE]: _, ...others } = { ...OWN_DEFAULTS, ...configured, ...settings };
  const isClosed = settings[ANONYMOUS] === 'none' || CLOSING.some((name) => name in others);
  const variables = isLoopback(host) ? { ...others, [OPEN_LOOPBACK]: chosen ?? (isClosed ? 'off' : 'on') } : others;
  return { ...variables, ...endpointSecrets(variables['BERTH_ENDPOINTS'], environment) };
}

function settingsOf(environment: Environment, configured: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter(
      (entry): entry is [string, string] =>
        (isSettingName(entry[0]) || configured.includes(entry[0])) && entry[1] !== undefined && entry[1] !== '',
    ),
  );
}
