/**
 * What those who come from distribution look for: its variables (REGISTRY_HTTP_ADDR), which Berth does not read, and what does
 * the same here. They are no mistakes: whatever else runs on the machine may need them. Pure.
 */
import { isSettingName } from '../../src/config.ts';
import type { Environment } from '../setting-file.ts';
import { WRANGLER_FILE } from '../wrangler-file.ts';
import { nearestVariable } from './environment.ts';
import { placeOf, type Given, type Problem } from './given.ts';
import { VARIABLE_PREFIX } from './setting.ts';
import { SETTINGS } from './table.ts';

/** The longest beginning that a variable has counts. Names in braces are settings. */
const HABITS: readonly (readonly [string, string])[] = [
  ['REGISTRY_CONFIGURATION_PATH', 'Here a file of settings is TOML: {config}'],
  ['REGISTRY_HTTP_ADDR', 'Here it is {host} and {port}'],
  ['REGISTRY_HTTP_HOST', 'Here it is {public-url}'],
  ['REGISTRY_HTTP_RELATIVEURLS', 'Here addresses are relative unless {public-url} is given'],
  ['REGISTRY_HTTP_SECRET', 'Here upload sessions need no secret that machines share'],
  ['REGISTRY_HTTP_TLS_CLIENTCAS', 'Here it is {tls-client-ca}'],
  ['REGISTRY_HTTP_TLS', 'Here it is {tls-cert} and {tls-key}'],
  ['REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY', 'Here it is {data}; docs/moving-in.md tells how to copy what is there'],
  ['REGISTRY_STORAGE_DELETE', 'Here deleting is on, for whoever may: {policy}'],
  ['REGISTRY_STORAGE_MAINTENANCE_READONLY', 'Here it is {read-only}'],
  ['REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING', 'Here it is {upload-expiry-seconds}'],
  ['REGISTRY_STORAGE', 'Here everything lies in {data}, or on Cloudflare in R2'],
  ['REGISTRY_AUTH_TOKEN', 'Here it is {token-server}'],
  ['REGISTRY_AUTH', 'Here it is {htpasswd}, and who may do what is {policy}'],
  ['REGISTRY_NOTIFICATIONS', 'Here it is {endpoints}'],
  ['REGISTRY_CATALOG', 'Here a page has 1,000 names at most'],
  ['REGISTRY_VALIDATION', 'Here it is {manifests-allow-missing}'],
  ...['VERSION', 'LOG', 'MIDDLEWARE', 'HTTP', 'REDIS', 'HEALTH', 'PROXY', 'POLICY', 'REPORTING'].map(
    (section) => [`REGISTRY_${section}`, 'docs/compatibility-distribution.md says what is here in its place'] as const,
  ),
];

/** A fork may have variables of its own in wrangler.toml, so that a misspelt one there is no mistake for certain. */
export function misspeltInWrangler(configured: Readonly<Record<string, unknown>>): Problem[] {
  return Object.keys(configured).flatMap((variable) => {
    const isOwn = !variable.startsWith(VARIABLE_PREFIX) || isSettingName(variable);
    const meant = isOwn ? undefined : nearestVariable(variable);
    if (meant === undefined) return [];
    return [
      { path: `${WRANGLER_FILE}: vars.${variable}`, message: `is no setting of Berth's. Did you mean ${meant}?` },
    ];
  });
}

/** A variable of a deployed Worker that was set for `npm start` as well. */
export function withoutEffect(given: Iterable<Given>): Problem[] {
  return [...given].flatMap(({ setting, origin }) =>
    setting.isForCloudflare === true
      ? [{ path: placeOf(origin), message: 'is for Cloudflare alone, and is not needed here.' }]
      : [],
  );
}

const FLAGS = new Map(SETTINGS.map(({ name, flag }) => [name, flag]));
const PLACEHOLDER = /\{([\w-]+)\}/g;

export function habitsOfDistribution(environment: Environment): Problem[] {
  return Object.keys(environment).flatMap((variable) => {
    const [habit] = HABITS.filter(([name]) => variable === name || variable.startsWith(`${name}_`)).sort(
      ([one], [other]) => other.length - one.length,
    );
    if (habit === undefined) return [];
    const here = habit[1].replaceAll(PLACEHOLDER, (_, name: string) => FLAGS.get(name) ?? `--${name}`);
    return [{ path: variable, message: `is a variable of distribution's, which Berth does not read. ${here}.` }];
  });
}
