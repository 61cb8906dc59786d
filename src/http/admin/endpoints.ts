/**
 * Endpoints of events: `/admin/endpoints` and `/admin/endpoints/<name>`. Those of the setting are shown, and changed there
 * alone. Secrets are sealed before they leave this isolate, and shown to nobody.
 */
import { destinationRulesOf } from '../../notifications/configured-endpoints.ts';
import { plainHost } from '../../notifications/destination.ts';
import { MOST_ENDPOINTS, parseEndpoint, type EndpointDocument } from '../../notifications/endpoint-document.ts';
import { namedSecrets, withoutSecrets, withSealedSecrets } from '../../notifications/endpoint-secrets.ts';
import { sealingKeysOf } from '../../notifications/sealing.ts';
import { parseJsonDocument } from '../../oci/json-document.ts';
import { conflict, notFound, shownTime } from '../account-answers.ts';
import { auditChange } from '../audit.ts';
import { query } from '../context.ts';
import { mistakes, readText } from '../json-body.ts';
import { publicOrigin } from '../location.ts';
import { cutPage, listAnswer, nextLink, pageSizeOf } from '../pages.ts';
import type { AdminContext } from './administrator.ts';
import {
  demandChangeable,
  demandEvents,
  endpointName,
  endpointsOfSetting,
  finishedEndpoint,
  newEndpointName,
  storedEndpoint,
  type EndpointJson,
  type KnownEndpoint,
} from './known-endpoint.ts';

const LARGEST_DOCUMENT_BYTES = 256 * 1024;
const MAX_DEPTH = 20;

export async function listEndpoints(context: AdminContext): Promise<Response> {
  const { meter, objects, config } = context;
  const size = Math.min(pageSizeOf(context), MOST_ENDPOINTS);
  const after = query(context, 'last') ?? '';
  const configured = endpointsOfSetting(config).map((document) => ({ name: document.name, document }));
  const names = new Set(configured.map(({ name }) => name));
  const made = (await meter.call(objects.eventLog().adminReaders(after, size + 1))).filter((name) => !names.has(name));
  const found = [
    ...configured.filter(({ name }) => name > after).map((one) => ({ ...one, origin: 'setting' as const })),
    ...made.map((name) => ({ name, origin: 'admin' as const, document: undefined })),
  ].sort((one, other) => (one.name < other.name ? -1 : 1));
  const { page, last } = cutPage(found, size);
  const endpoints = await Promise.all(
    page.map(async ({ name, origin, document }) =>
      shown({ name, origin, document: document ?? (await storedEndpoint(context, name)) }),
    ),
  );
  const headers = new Headers();
  if (last !== undefined) headers.set('link', nextLink(context, { n: String(size), last: last.name }));
  return listAnswer({ endpoints }, headers);
}

export async function getEndpoint(context: AdminContext): Promise<Response> {
  const known = await finishedEndpoint(context);
  return listAnswer({ ...shown(known), figures: await figuresOf(context, known.name) }, new Headers());
}

/** Whatever fails on the way is mended by the same request. */
export async function putEndpoint(context: AdminContext): Promise<Response> {
  const { meter, objects, config } = context;
  const name = newEndpointName(context);
  demandEvents(context);
  demandChangeable(context, name);
  const { json, document } = await readEndpoint(context, name);
  const stored = await storedEndpoint(context, name);
  const sealed = await withSealedSecrets(json, stored, name, sealingKeysOf(config));
  if (!sealed.ok) {
    if (sealed.mistakes !== 'no-key') throw mistakes(sealed.mistakes);
    throw conflict(
      'secrets are stored encrypted, and there is no key: set the secret BERTH_ENCRYPTION_KEY first ' +
        '(openssl rand -base64 32 makes one)',
    );
  }
  const log = objects.eventLog();
  const { reader, count } = await meter.call(log.reader(name));
  if (reader === undefined && count >= MOST_ENDPOINTS) {
    throw conflict(`there are ${String(MOST_ENDPOINTS)} endpoints, and no more are kept`);
  }
  const kinds = [...document.events];
  const isNew = reader === undefined || stored === undefined;
  // A new one is in the log's list first, so that it misses nothing; a change may be refused, and has changed nothing then.
  const since = isNew ? await meter.call(log.addReader(name, kinds)) : reader.since;
  const result = await meter.call(objects.endpoint(name).configure(name, JSON.stringify(sealed.document), since));
  if (result.kind === 'refused') throw conflict(result.reason);
  if (!isNew) await meter.call(log.addReader(name, kinds));
  const action = isNew ? 'endpoint created' : 'endpoint changed';
  auditChange(context, context.actor, { action, subject: `endpoint:${name}` });
  return Response.json(shown({ name, origin: 'admin', document: sealed.document }), { status: isNew ? 201 : 200 });
}

/** One that was never finished, too. */
export async function deleteEndpoint(context: AdminContext): Promise<Response> {
  const { meter, objects } = context;
  const name = endpointName(context);
  demandChangeable(context, name);
  const { reader } = await meter.call(objects.eventLog().reader(name));
  const stored = await storedEndpoint(context, name);
  if (reader === undefined && stored === undefined) throw notFound('endpoint');
  await meter.call(objects.eventLog().removeReader(name));
  await meter.call(objects.endpoint(name).remove());
  auditChange(context, context.actor, { action: 'endpoint deleted', subject: `endpoint:${name}` });
  return new Response(null, { status: 204 });
}

/** Throws REQUEST_INVALID with path and reason of each mistake. */
async function readEndpoint(
  context: AdminContext,
  name: string,
): Promise<{ json: EndpointJson; document: EndpointDocument }> {
  const text = await readText(context, LARGEST_DOCUMENT_BYTES);
  const given = parseJsonDocument(new TextEncoder().encode(text), MAX_DEPTH);
  if (!given.ok) throw mistakes([`the document: ${given.message}`]);
  const json = { name, ...given.value };
  if (json.name !== name) throw mistakes([`name: must be ${name}, as in the address, or be left out`]);
  const misplaced = namedSecrets(json);
  if (misplaced.length > 0) throw mistakes(misplaced);
  const result = parseEndpoint(JSON.stringify(json), destinationRulesOf(context.config));
  if (!result.ok) throw mistakes(result.mistakes);
  const own = new URL(publicOrigin(context.request, context.place));
  if (plainHost(new URL(result.value.url)) === plainHost(own)) {
    throw mistakes(["url: must not be the registry's own address"]);
  }
  return { json, document: result.value };
}

async function figuresOf({ meter, objects, circumstances }: AdminContext, name: string) {
  const figures = await meter.call(objects.endpoint(name).figures());
  // One of the setting that nothing has happened for yet.
  if (figures === undefined) return null;
  const { waiting, cursor, delivered, failed, deadLetters, oldestWaitingSince, breaker, opensAgainAt } = figures;
  const unread = await meter.call(objects.eventLog().backlog(cursor));
  const oldest = Math.min(oldestWaitingSince ?? Infinity, unread.oldestAt ?? Infinity);
  return {
    pending: unread.events + waiting,
    oldestPendingSeconds: oldest === Infinity ? null : Math.max(0, Math.round((circumstances.now - oldest) / 1_000)),
    delivered,
    failed,
    deadLetters,
    breaker,
    opensAgain: shownTime(opensAgainAt),
    disabled: figures.disabled,
    problem: figures.problem ?? null,
  };
}

function shown({ name, origin, document }: KnownEndpoint) {
  return { name, origin, endpoint: document === undefined ? null : withoutSecrets(document) };
}
