/** Events for tests of what is made of them. */
import {
  EVENT_VERSION,
  type EventKind,
  type EventTarget,
  type RegistryEvent,
} from '../../../src/notifications/event.ts';
import { parseDigest, type Digest } from '../../../src/oci/digest.ts';
import { parseRepositoryName, type RepositoryName } from '../../../src/oci/repository-name.ts';
import { parseTag, type Tag } from '../../../src/oci/reference.ts';

export const AT = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
export const DIGEST = known(parseDigest(`sha256:${'0123456789abcdef'.repeat(4)}`));
export const OTHER_DIGEST = known(parseDigest(`sha256:${'f'.repeat(64)}`));

export function name(text: string): RepositoryName {
  return known(parseRepositoryName(text));
}

export function tag(text: string): Tag {
  return known(parseTag(text));
}

/** A push of `team/app:1.2` by alice, with these differences. */
export function event(kind: EventKind = 'manifest.push', more: Partial<RegistryEvent> = {}): RegistryEvent {
  return {
    version: EVENT_VERSION,
    id: '019b7c8f-0000-7000-8000-000000000001',
    at: AT,
    kind,
    repository: name('team/app'),
    sequence: { incarnation: 'b0c9b7b0-5d0e-4a4e-9e0c-4f6f8f1a2b3c', number: 7 },
    target: manifestTarget(DIGEST),
    cause: {
      requestId: '2f1d0c6e-9a52-4a5b-8f6c-0d8a0b8a7c11',
      method: 'PUT',
      origin: 'https://berth.example',
      address: '192.0.2.7',
      userAgent: 'docker/28.2',
      actor: { kind: 'user', name: 'alice' },
      deployment: 'd1',
    },
    ...more,
  };
}

export function manifestTarget(digest: Digest): EventTarget {
  return { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size: 524, tag: tag('1.2') };
}

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('this is in the form that it needs');
  return value;
}
