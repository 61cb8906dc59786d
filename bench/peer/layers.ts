/**
 * The images that are pushed and pulled: few large layers, many small ones. Their bytes are new each time, since a registry
 * may know what it was told before, and random, since a disk may make the others smaller.
 */
import { createHash, randomBytes, randomFillSync } from 'node:crypto';
import { MEBIBYTE, MEGABYTE } from '../arguments.ts';
import type { Pieces } from '../http-client.ts';
import { layerOf, type Layer } from '../registry-client.ts';

export interface Shape {
  readonly name: string;
  readonly layers: number;
  readonly layerBytes: number;
  /** As clients have open at once: docker pushes five layers at a time. */
  readonly connections: number;
  readonly pushLimit: number;
}

export const SHAPES: readonly Shape[] = [
  { name: '1 × 300 MB', layers: 1, layerBytes: 300 * MEGABYTE, connections: 1, pushLimit: 1.3 },
  { name: '20 × 5 MB', layers: 20, layerBytes: 5 * MEGABYTE, connections: 5, pushLimit: 1 },
  { name: '200 × 100 kB', layers: 200, layerBytes: MEGABYTE / 10, connections: 5, pushLimit: 1 },
];

/** Hands out the layers of one image after the other, in the same memory. */
export class LayerSource {
  readonly #bytes: Buffer;
  readonly #layerBytes: number;

  constructor({ layers, layerBytes }: Shape, scale: number) {
    this.#layerBytes = Math.max(1, Math.floor(layerBytes / scale));
    this.#bytes = Buffer.alloc(layers * this.#layerBytes);
  }

  get totalBytes(): number {
    return this.#bytes.byteLength;
  }

  /** The layers that were handed out before are no more. */
  fresh(): Layer[] {
    randomFillSync(this.#bytes);
    const layers: Layer[] = [];
    for (let start = 0; start < this.#bytes.byteLength; start += this.#layerBytes) {
      layers.push(layerOf(this.#bytes.subarray(start, start + this.#layerBytes)));
    }
    return layers;
  }
}

const REPEATED = 64 * MEBIBYTE;

/** A layer of any size that takes little memory here: new bytes in front, then the same 64 MiB again and again. */
export class LargeLayers {
  readonly #repeated = randomBytes(REPEATED);

  fresh(byteLength: number): Layer {
    const front = randomBytes(Math.min(MEBIBYTE, byteLength));
    const repeated = this.#repeated;
    const bytes: Pieces = {
      byteLength,
      *pieces() {
        yield front;
        for (let left = byteLength - front.byteLength; left > 0; left -= repeated.byteLength) {
          yield repeated.subarray(0, left);
        }
      },
    };
    const hash = createHash('sha256');
    for (const piece of bytes.pieces()) hash.update(piece);
    return { bytes, digest: `sha256:${hash.digest('hex')}` };
  }
}
