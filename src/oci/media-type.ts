/** Media types (image-spec media-types.md; Docker image manifest V2 schema 2) and their grammar (RFC 6838 §4.2). */

export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
export const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
export const DOCKER_SCHEMA_1 = 'application/vnd.docker.distribution.manifest.v1+json';
export const DOCKER_SCHEMA_1_SIGNED = 'application/vnd.docker.distribution.manifest.v1+prettyjws';

const IMAGES: ReadonlySet<string> = new Set([OCI_MANIFEST, DOCKER_MANIFEST]);
const INDEXES: ReadonlySet<string> = new Set([OCI_INDEX, DOCKER_LIST]);
const SCHEMA_1: ReadonlySet<string> = new Set([DOCKER_SCHEMA_1, DOCKER_SCHEMA_1_SIGNED]);

/** With every compression: the suffix is `.gzip` in Docker's names and `+gzip` in OCI's. */
const FOREIGN_LAYER =
  /^application\/vnd\.(?:docker\.image\.rootfs\.foreign\.diff\.tar|oci\.image\.layer\.nondistributable\.v1\.tar)(?:[.+][a-z0-9]+)?$/;

/**
 * `restricted-name "/" restricted-name`, at most 127 characters each, so 255 in all. It is asked before lower-casing,
 * which would make an ASCII k of the Kelvin sign.
 */
const FORM = /^[a-z0-9][a-z0-9!#$&\-^_.+]{0,126}\/[a-z0-9][a-z0-9!#$&\-^_.+]{0,126}$/i;
/** The type and the white space around it; what is longer has no type in it worth looking for. */
const MAX_TYPE_CHARACTERS = 300;

/** The type of a `Content-Type` header: without parameters, in lower case. */
export function parseMediaType(header: string): string | undefined {
  const semicolon = header.indexOf(';');
  const type = semicolon === -1 ? header : header.slice(0, semicolon);
  if (type.length > MAX_TYPE_CHARACTERS) return undefined;
  const trimmed = type.replace(/^[ \t]+|[ \t]+$/g, '');
  return FORM.test(trimmed) ? trimmed.toLowerCase() : undefined;
}

export function isImage(mediaType: string): boolean {
  return IMAGES.has(mediaType);
}

export function isIndex(mediaType: string): boolean {
  return INDEXES.has(mediaType);
}

export function isSchema1(mediaType: string): boolean {
  return SCHEMA_1.has(mediaType);
}

/** A layer that is fetched from elsewhere, so a registry need not have it. */
export function isForeignLayer(mediaType: string): boolean {
  return FOREIGN_LAYER.test(mediaType);
}
