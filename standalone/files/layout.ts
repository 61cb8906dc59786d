/**
 * What lies where below the data directory, for the bytes of blobs (docs/storage.md, "The files of npm start"):
 *
 *   blobs/ab/ab12…   one finished object, under the last part of its key
 *   uploads/ab12…-<random>   one multipart write, whose parts lie in it where they belong: named by its key, so that the key
 *                    is enough to find it
 *   uploads/put-…    one unfinished `put`
 *   held/<name>      deleted while a backup ran, until it ends
 *   files.socket     where the file service listens
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

/** `blobs/ab/<hex digits>`, as mintKey() makes them. Nothing else ever becomes a path. */
const KEY = /^blobs\/([0-9a-f]{2})\/([0-9a-f]{8,64})$/;
/** What `objectPath` calls a key's name, and something that tells two writes on one key apart. */
const UPLOAD_ID = /^([0-9a-f]{8,64})-[0-9a-f]{8}$/;

const NONCE_BYTES = 4;

export const BLOBS = 'blobs';
export const UPLOADS = 'uploads';
export const HELD = 'held';
/** Where the file service listens. */
export const SOCKET = 'files.socket';
/** Of a `put`, which nobody goes on with after a crash: such files are swept at start. */
export const PUT_PREFIX = 'put-';

export interface ObjectPath {
  /** The last part of its key. */
  readonly name: string;
  readonly path: string;
  readonly directory: string;
}

/** Undefined for what is no key. */
export function objectPath(root: string, key: string): ObjectPath | undefined {
  const [, shard, name] = KEY.exec(key) ?? [];
  if (shard === undefined || name === undefined) return undefined;
  const directory = join(root, BLOBS, shard);
  return { name, directory, path: join(directory, name) };
}

/** Where a deleted object is kept while a backup runs. */
export function heldPath(root: string, key: string): string {
  return join(root, HELD, key.replaceAll('/', '-'));
}

/** The id of a new multipart write. */
export function mintUploadId({ name }: ObjectPath): string {
  return `${name}-${randomBytes(NONCE_BYTES).toString('hex')}`;
}

/** Of the object that a multipart write is to become; undefined for what is no id. */
export function objectNameOf(id: string): string | undefined {
  return UPLOAD_ID.exec(id)?.[1];
}

/** Undefined for what is no id. */
export function uploadPath(root: string, id: string): string | undefined {
  return UPLOAD_ID.test(id) ? join(root, UPLOADS, id) : undefined;
}
