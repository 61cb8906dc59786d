/** The endpoints that the setting BERTH_ENDPOINTS names, read once for each environment, which is once an isolate. */
import { ConfigurationError, type Config } from '../config.ts';
import type { DestinationRules } from './destination.ts';
import { parseEndpoints, type EndpointDocument } from './endpoint-document.ts';

/** Throws ConfigurationError, with path and reason of each mistake. */
export function configuredEndpoints(config: Config): readonly EndpointDocument[] {
  if (config.endpoints === undefined) return [];
  const known = read.get(config);
  if (known !== undefined) return known;
  const result = parseEndpoints(config.endpoints, destinationRulesOf(config));
  if (!result.ok) throw new ConfigurationError(`BERTH_ENDPOINTS: ${result.mistakes.join('; ')}`);
  read.set(config, result.value.endpoints);
  return result.value.endpoints;
}

/** Where an endpoint may be. */
export function destinationRulesOf({ webhooksPrivate, publicUrl }: Config): DestinationRules {
  return {
    allowPrivate: webhooksPrivate,
    ownHosts: publicUrl === undefined ? [] : [new URL(publicUrl).hostname],
  };
}

const read = new WeakMap<Config, readonly EndpointDocument[]>();
