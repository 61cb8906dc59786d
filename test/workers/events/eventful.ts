/** A registry whose events are on, and what its repositories have written down of them. */
import { runInDurableObject } from 'cloudflare:test';
import type { RegistryEvent } from '../../../src/notifications/event.ts';
import { parseWrittenEvent } from '../../../src/notifications/written-event.ts';
import { contentLength, demand, repositoryStub, sendWith, textBytes, type Sent, type Settings } from '../client.ts';
import type { Blob } from '../world.ts';

export const EVENTS_ON: Settings = { BERTH_EVENTS: 'on' };

export function sendOn(method: string, path: string, sent: Sent = {}): Promise<Response> {
  return sendWith(EVENTS_ON, method, path, sent);
}

/** A blob by one POST. */
export function postBlob(repository: string, { bytes, digest }: Blob): Promise<Response> {
  const headers = { ...contentLength(bytes), 'user-agent': 'test/1' };
  return sendOn('POST', `/v2/${repository}/blobs/uploads/?digest=${digest}`, { body: bytes, headers });
}

export function putOn(repository: string, reference: string, manifest: string): Promise<Response> {
  return sendOn('PUT', `/v2/${repository}/manifests/${reference}`, { body: textBytes(manifest) });
}

export function deleteOn(repository: string, rest: string): Promise<Response> {
  return sendOn('DELETE', `/v2/${repository}/${rest}`);
}

/** Blob and manifest, with their events. */
export async function pushImageOn(repository: string, tag: string, blob: Blob, manifest: string): Promise<void> {
  demand(await postBlob(repository, blob), 201);
  demand(await putOn(repository, tag, manifest), 201);
}

/** What waits to be sent, oldest first. */
export function outboxOf(repository: string): Promise<RegistryEvent[]> {
  return runInDurableObject(repositoryStub(repository), (_object, { storage }) =>
    storage.sql
      .exec<{ body: string }>('SELECT body FROM outbox ORDER BY number')
      .toArray()
      .map(({ body }) => parseWrittenEvent(body)),
  );
}

/** In short: `1 blob.push`, `4 manifest.push latest`. */
export function inShort({ kind, sequence, target: { tag } }: RegistryEvent): string {
  return `${String(sequence?.number)} ${kind}${tag === undefined ? '' : ` ${tag}`}`;
}
