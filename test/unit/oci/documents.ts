/** Manifests for the tests, made of plain values so that each test can spoil one field. */
import fc from 'fast-check';
import { DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from '../../../src/oci/media-type.ts';
import { digestString } from './arbitraries.ts';

export const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
export const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar+gzip';
export const FOREIGN_TYPE = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';

/** A digest whose hex is this digit all over. */
export function digestOf(digit: string): string {
  return `sha256:${digit.repeat(64)}`;
}

/** A descriptor whose size goes with its digit. */
export function descriptor(digit: string, mediaType = LAYER_TYPE): Record<string, unknown> {
  return { mediaType, digest: digestOf(digit), size: Number.parseInt(digit, 16) };
}

export function image(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: descriptor('c', CONFIG_TYPE),
    layers: [descriptor('1'), descriptor('2')],
    ...changes,
  };
}

export function index(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: [descriptor('a', OCI_MANIFEST), descriptor('b', OCI_MANIFEST)],
    ...changes,
  };
}

export function bytesOf(document: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(document));
}

const typeName = fc.constantFrom(LAYER_TYPE, CONFIG_TYPE, FOREIGN_TYPE, 'application/octet-stream', 'a/b;version=1');

/** The size goes with the digest, since one content has one size. */
const anyDescriptor = fc
  .tuple(typeName, digestString, fc.dictionary(fc.constantFrom('urls', 'data', 'annotations', 'x-own'), fc.jsonValue()))
  .map(([mediaType, digest, more]) => ({ ...more, mediaType, digest, size: Number.parseInt(digest.slice(7, 15), 16) }));
const descriptors = fc.array(anyDescriptor, { maxLength: 6 });
const annotations = fc.dictionary(
  fc.string().filter((key) => !['__proto__', 'prototype', 'constructor'].includes(key)),
  fc.string(),
  { maxKeys: 4 },
);
const optional = {
  artifactType: fc.constantFrom('', 'application/vnd.example.sbom', null),
  subject: fc.option(anyDescriptor),
  annotations: fc.option(annotations),
};

export const anyImage = fc.record(
  {
    schemaVersion: fc.constant(2),
    mediaType: fc.constantFrom(OCI_MANIFEST, DOCKER_MANIFEST),
    config: anyDescriptor,
    layers: descriptors,
    ...optional,
  },
  { requiredKeys: ['schemaVersion', 'mediaType', 'config', 'layers'] },
);

export const anyIndex = fc.record(
  {
    schemaVersion: fc.constant(2),
    mediaType: fc.constantFrom(OCI_INDEX, DOCKER_LIST),
    manifests: descriptors,
    ...optional,
  },
  { requiredKeys: ['schemaVersion', 'mediaType', 'manifests'] },
);
