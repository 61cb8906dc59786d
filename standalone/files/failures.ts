/** What can go wrong in the file store, as its client is told: each has its own HTTP status (service.ts). */

/** The body is not what was announced, or what is asked makes no sense. */
export class WrongBody extends Error {}

/** The body brought nothing, or next to nothing, for too long. */
export class SlowBody extends Error {}

/** There is no such multipart write: it was completed or given up. */
export class NoSuchUpload extends Error {}

/** The disk, or what of it may be used, is full. The message carries the system's name for it. */
export class DiskFull extends Error {
  constructor(cause?: unknown) {
    super('ENOSPC: no space is left for blobs', { cause });
  }
}

/** Both mean that space has to be made before anything can be written: the disk is full, or this user's share of it. */
export function isDiskFull(error: unknown): boolean {
  if (error instanceof DiskFull) return true;
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
}
