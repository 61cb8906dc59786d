/**
 * Some of the disk is kept for the objects' databases. When blobs may take no more, tags can still be moved and blobs
 * deleted, which is what makes room; a database that finds no room breaks off whatever it was doing.
 *
 * What a write has announced and not yet written counts as taken, or writes that begin together would each find the same
 * space free and use up the rest between them.
 */
import { statfs } from 'node:fs/promises';
import { DiskFull } from './failures.ts';

const RESERVE_BYTES = 64 * 1024 * 1024;
/** Of a small disk that would be too much. */
const RESERVE_SHARE = 0.1;

/** What one write may still bring. */
export interface Reservation {
  /** So many bytes more lie in the file system, and it counts them itself. */
  readonly written: (bytes: number) => void;
  /** The write is over; what it did not bring is free again. */
  readonly end: () => void;
}

export class Space {
  readonly #directory: string;
  /** Of all writes under way, what they have not written yet. */
  #announced = 0;
  /** Of all writes there ever were. */
  #written = 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Throws DiskFull when so many bytes more would go into what is kept. */
  async demand(bytes: number): Promise<void> {
    const writtenBefore = this.#written;
    const { bavail, blocks, bsize } = await statfs(this.#directory);
    // What was written since may be missing in the answer, and is no longer among what is announced.
    const taken = this.#announced + this.#written - writtenBefore;
    const kept = Math.min(RESERVE_BYTES, blocks * bsize * RESERVE_SHARE);
    if (bavail * bsize - taken - bytes < kept) throw new DiskFull();
  }

  /** Sets so many bytes aside for one write, or throws DiskFull. */
  async reserve(bytes: number): Promise<Reservation> {
    await this.demand(bytes);
    let left = bytes;
    this.#announced += bytes;
    const take = (taken: number): void => {
      left -= taken;
      this.#announced -= taken;
    };
    return {
      written: (more) => {
        this.#written += more;
        take(Math.min(more, left));
      },
      end: () => {
        take(left);
      },
    };
  }
}
