/** The endpoint that a path names: one of the setting BERTH_ENDPOINTS, or one that was made by the admin API. */
import * as v from 'valibot';
import type { Config } from '../../config.ts';
import { configuredEndpoints } from '../../notifications/configured-endpoints.ts';
import { ENDPOINT_NAME } from '../../notifications/endpoint-document.ts';
import type { Origin } from '../../objects/event-log/messages.ts';
import { RegistryError } from '../../oci/error.ts';
import { conflict, notFound } from '../account-answers.ts';
import type { AdminContext } from './administrator.ts';

export type EndpointJson = Readonly<Record<string, unknown>>;

export interface KnownEndpoint {
  readonly name: string;
  readonly origin: Origin;
  /** As it was written, but for sealed secrets; absent where it was begun to be made and never finished. */
  readonly document: EndpointJson | undefined;
}

const StoredEndpoint = v.pipe(v.string(), v.parseJson(), v.record(v.string(), v.unknown()));
const Setting = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ endpoints: v.array(v.looseObject({ name: v.string() })) }),
);

export function endpointName({ params }: AdminContext): string {
  const name = params['endpoint'] ?? '';
  if (!ENDPOINT_NAME.test(name)) throw notFound('endpoint');
  return name;
}

/** Throws NOT_FOUND. */
async function knownEndpoint(context: AdminContext): Promise<KnownEndpoint> {
  const name = endpointName(context);
  const configured = endpointsOfSetting(context.config).find((endpoint) => endpoint.name === name);
  if (configured !== undefined) return { name, origin: 'setting', document: configured };
  const { meter, objects } = context;
  const { reader } = await meter.call(objects.eventLog().reader(name));
  if (reader === undefined) throw notFound('endpoint');
  return { name, origin: 'admin', document: await storedEndpoint(context, name) };
}

/** As `knownEndpoint`, without one that was never finished. */
export async function finishedEndpoint(context: AdminContext): Promise<KnownEndpoint & { document: EndpointJson }> {
  const known = await knownEndpoint(context);
  const { document } = known;
  if (document !== undefined) return { ...known, document };
  throw new RegistryError('NOT_FOUND', {
    message: `the endpoint ${known.name} was never finished: PUT it again, or DELETE it`,
  });
}

/** The setting's, as it says them. */
export function endpointsOfSetting(config: Config): readonly (EndpointJson & { name: string })[] {
  // Throws where the setting is wrong.
  return configuredEndpoints(config).length === 0 ? [] : v.parse(Setting, config.endpoints).endpoints;
}

export async function storedEndpoint(
  { meter, objects }: AdminContext,
  name: string,
): Promise<EndpointJson | undefined> {
  const stored = await meter.call(objects.endpoint(name).document());
  return stored === undefined ? undefined : v.parse(StoredEndpoint, stored);
}

/** Throws CONFLICT for one that a setting gives. */
export function demandChangeable({ config }: AdminContext, name: string): void {
  if (!configuredEndpoints(config).some((endpoint) => endpoint.name === name)) return;
  throw conflict(`the endpoint ${name} is given by the setting BERTH_ENDPOINTS, and changed there`);
}

/** Throws CONFLICT where nothing is written down that could be told. */
export function demandEvents({ config }: AdminContext): void {
  if (!config.events) throw conflict('events are off here, so there is nothing to tell of: set BERTH_EVENTS=on first');
}
