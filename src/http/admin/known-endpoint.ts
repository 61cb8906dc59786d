/** The endpoint that a path names: one of the setting BERTH_ENDPOINTS, or one that was made by the admin API. */
import * as v from 'valibot';
import type { Config } from '../../config.ts';
import { configuredEndpoints } from '../../notifications/configured-endpoints.ts';
import { ENDPOINT_NAME } from '../../notifications/endpoint-document.ts';
import type { Origin } from '../../objects/event-log/messages.ts';
import { RegistryError } from '../../oci/error.ts';
import { conflict, notFound } from '../account-answers.ts';
import { mistakes } from '../json-body.ts';
import type { AdminContext } from './administrator.ts';

export type EndpointJson = Readonly<Record<string, unknown>>;

export interface KnownEndpoint {
  readonly name: string;
  readonly origin: Origin;
  /** As it was written, but for sealed secrets; absent where there is none, or not any more. */
  readonly document: EndpointJson | undefined;
}

const StoredEndpoint = v.pipe(v.string(), v.parseJson(), v.record(v.string(), v.unknown()));
const Setting = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ endpoints: v.array(v.looseObject({ name: v.string() })) }),
);

/** Throws NOT_FOUND for what can be no name. */
export function endpointName(context: AdminContext): string {
  if (!ENDPOINT_NAME.test(givenName(context))) throw notFound('endpoint');
  return givenName(context);
}

/** As `endpointName`, for one that is to be made: throws REQUEST_INVALID. */
export function newEndpointName(context: AdminContext): string {
  if (!ENDPOINT_NAME.test(givenName(context))) {
    throw mistakes(['the name of an endpoint must be up to 63 of a-z, 0-9 and -, and begin and end with no -']);
  }
  return givenName(context);
}

function givenName({ params }: AdminContext): string {
  return params['endpoint'] ?? '';
}

/** Throws NOT_FOUND for one that is not there, and for one that was begun to be made, or that the setting has let go. */
export async function finishedEndpoint(context: AdminContext): Promise<KnownEndpoint & { document: EndpointJson }> {
  const name = endpointName(context);
  const configured = endpointsOfSetting(context.config).find((endpoint) => endpoint.name === name);
  if (configured !== undefined) return { name, origin: 'setting', document: configured };
  const { meter, objects } = context;
  const { reader } = await meter.call(objects.eventLog().reader(name));
  if (reader === undefined) throw notFound('endpoint');
  const document = await storedEndpoint(context, name);
  if (document !== undefined) return { name, origin: 'admin', document };
  throw new RegistryError('NOT_FOUND', {
    message:
      reader.origin === 'setting'
        ? `the setting BERTH_ENDPOINTS names the endpoint ${name} no more: name it there, PUT it here, or DELETE it`
        : `the endpoint ${name} was never finished: PUT it again, or DELETE it`,
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
