/** What a client without a store works on: a layout in a folder for each image that it was given, and folders that it pulls into. */
import { rmSync } from 'node:fs';
import type { Image } from './fixtures.ts';
import { writeLayout } from './image-files.ts';
import type { Scratch } from './scratch.ts';

export class LoadedLayouts {
  readonly #name: string;
  readonly #scratch: Scratch;
  readonly #loaded = new Map<string, string>();
  readonly #pulled: string[] = [];
  #serial = 0;

  /** @param name of the client: of the folder that its folders lie in */
  constructor(name: string, scratch: Scratch) {
    this.#name = name;
    this.#scratch = scratch;
  }

  /** The layout's only image is named `image`. */
  load(image: Image, reference: string): Promise<void> {
    const folder = this.#nextFolder();
    writeLayout(folder, image, 'image');
    this.#loaded.set(reference, folder);
    return Promise.resolve();
  }

  folderOf(reference: string): string {
    const folder = this.#loaded.get(reference);
    if (folder === undefined) throw new Error(`${reference} was not loaded`);
    return folder;
  }

  /** An empty folder to pull into. */
  folderForPull(): string {
    const folder = this.#nextFolder();
    this.#pulled.push(folder);
    return folder;
  }

  forgetAll(): Promise<void> {
    for (const folder of [...this.#loaded.values(), ...this.#pulled.splice(0)]) rmSync(folder, { recursive: true });
    this.#loaded.clear();
    return Promise.resolve();
  }

  #nextFolder(): string {
    this.#serial += 1;
    return this.#scratch.folder(`${this.#name}/${String(this.#serial)}`);
  }
}
