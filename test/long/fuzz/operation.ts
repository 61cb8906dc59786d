/**
 * What a client of the fuzz campaign means to do, before it is written as HTTP: what the model judges, and what is shown
 * of a failure. Plain data.
 */
import * as v from 'valibot';

export type ReadMethod = 'GET' | 'HEAD';

/** Entity tags as a header names them; `malformed` is one that cannot be read. */
export type EntityTags = '*' | 'malformed' | readonly string[];

export interface Conditions {
  readonly ifMatch?: EntityTags | undefined;
  readonly ifNoneMatch?: EntityTags | undefined;
}

/** A manifest, and what a registry has to make of it. */
export interface Document {
  readonly bytes: Uint8Array;
  readonly contentType: string | undefined;
  /** As it is to be served. */
  readonly mediaType: string;
  /** Whether the document itself says its type. */
  readonly saysType: boolean;
  readonly blobs: readonly string[];
  readonly foreign: readonly string[];
  readonly children: readonly string[];
  readonly subject: string | undefined;
  readonly artifactType: string | undefined;
  readonly annotations: Readonly<Record<string, string>> | undefined;
  /** Why it may not be taken, whatever the repository has. */
  readonly fault: { readonly status: number; readonly code: string } | undefined;
}

/** The `Content-Range` of a chunk as it is sent, and what it says. */
export interface ChunkRange {
  readonly header: string;
  readonly says: { readonly start: number; readonly length: number } | undefined;
}

export interface Blob {
  readonly digest: string;
  readonly bytes: Uint8Array;
}

interface Body {
  readonly body: Uint8Array;
  /** In chunks of the transfer coding, without a length. */
  readonly chunked: boolean;
}

interface OfRepository {
  readonly repository: string;
}

interface OfSession extends OfRepository {
  /** The number that the player gave it. */
  readonly session: number;
  readonly path: string;
}

export interface GetManifest extends OfRepository, Conditions {
  readonly kind: 'get-manifest';
  readonly method: ReadMethod;
  readonly reference: string;
}

export interface PutManifest extends OfRepository, Conditions {
  readonly kind: 'put-manifest';
  readonly reference: string;
  readonly document: Document;
  readonly tags: readonly string[];
  readonly chunked: boolean;
}

export interface DeleteManifest extends OfRepository, Conditions {
  readonly kind: 'delete-manifest';
  readonly reference: string;
}

export interface GetBlob extends OfRepository, Conditions {
  readonly kind: 'get-blob';
  readonly method: ReadMethod;
  readonly digest: string;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
}

export interface DeleteBlob extends OfRepository, Conditions {
  readonly kind: 'delete-blob';
  readonly digest: string;
}

export interface ListTags extends OfRepository {
  readonly kind: 'tags';
  readonly method: ReadMethod;
  readonly n: string | undefined;
  readonly last: string | undefined;
}

export interface ListReferrers extends OfRepository {
  readonly kind: 'referrers';
  readonly method: ReadMethod;
  readonly digest: string;
  readonly artifactType: string | undefined;
  readonly last: string | undefined;
}

export interface ListRepositories {
  readonly kind: 'catalog';
  readonly method: ReadMethod;
  readonly n: string | undefined;
  readonly last: string | undefined;
}

/** `whole`: with the blob as its body. `mount`: from a repository, or from anywhere. Else only a session. */
export interface OpenUpload extends OfRepository {
  readonly kind: 'open';
  readonly session: number;
  readonly algorithm: string | undefined;
  readonly mount: { readonly blob: Blob; readonly from: string | undefined } | undefined;
  readonly whole: (Body & { readonly digest: string }) | undefined;
}

export interface UploadStatus extends OfSession {
  readonly kind: 'status';
  readonly method: ReadMethod;
}

export interface Append extends OfSession, Body {
  readonly kind: 'append';
  readonly range: ChunkRange | undefined;
}

export interface Close extends OfSession, Body {
  readonly kind: 'close';
  readonly digest: string;
  /** All bytes of the blob that the digest names, where the player knows one. */
  readonly whole: Uint8Array | undefined;
  readonly range: ChunkRange | undefined;
}

export interface Cancel extends OfSession {
  readonly kind: 'cancel';
}

export interface Base {
  readonly kind: 'base';
  readonly method: ReadMethod;
  readonly path: '/' | '/healthz' | '/v2' | '/v2/';
}

export type Operation =
  | Base
  | ListRepositories
  | ListTags
  | ListReferrers
  | GetManifest
  | PutManifest
  | DeleteManifest
  | GetBlob
  | DeleteBlob
  | OpenUpload
  | UploadStatus
  | Append
  | Close
  | Cancel;

/**
 * What is odd about a request that is otherwise right. The first row changes nothing of the answer; the second has it
 * refused, and nothing may come of it.
 */
export const HARMLESS = [
  'encoded-colon',
  'unknown-query',
  'accept',
  'expect',
  'own-namespace',
  'other-namespace',
] as const;
export const REFUSED = ['foreign', 'long-address', 'other-method', 'double-slash', 'slash-behind'] as const;
export type Twist = (typeof HARMLESS)[number] | (typeof REFUSED)[number];

/** A line for a person. */
export function describe(operation: Operation): string {
  return JSON.stringify(operation, (_, value: unknown) => {
    // A buffer has become a list of its bytes before it comes here.
    if (v.is(BytesAsJson, value)) return `${String(value.data.length)} bytes`;
    if (value instanceof Uint8Array) return `${String(value.byteLength)} bytes`;
    const isLong = typeof value === 'string' && value.length > SHOWN_CHARACTERS;
    return isLong ? `${value.slice(0, SHOWN_CHARACTERS)}…` : value;
  });
}

const SHOWN_CHARACTERS = 300;
const BytesAsJson = v.object({ type: v.literal('Buffer'), data: v.custom<unknown[]>(Array.isArray) });
