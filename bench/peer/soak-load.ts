/**
 * What a registry does all day, at a steady pace: many repositories, mostly read, their tags moved to new images from time
 * to time. Each operation has a connection of its own, as clients' have.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Seeded } from '../../test/e2e/crash/seeded.ts';
import {
  ask,
  blobPath,
  layerOf,
  manifestOf,
  manifestPath,
  MANIFEST_TYPE,
  pushLayers,
  pushManifest,
  type Layer,
  type PushForm,
} from '../registry-client.ts';
import { timedCalls } from '../timing.ts';

const WORKERS = 16;
const OPERATIONS_PER_SECOND = 100;
/** Of all operations; the disk has to hold what they bring, 0.3 MB each by the mean. */
const PUSHES = 0.05;
const TAGS = 5;
const LAYERS = 2;
const SMALLEST_LAYER_BYTES = 1_000;
const LARGEST_LAYER_BYTES = 1_000_000;
const READS = ['HEAD tag', 'GET manifest', 'GET manifest', 'GET blob', 'GET blob', 'HEAD blob', 'GET tags'] as const;

interface Pushed {
  readonly repository: string;
  readonly tag: string;
  readonly layer: Layer;
}

export class SoakLoad {
  readonly #port: number;
  readonly #repositories: number;
  readonly #random = new Seeded('soak');
  /** One by repository: the image that was pushed last. */
  readonly #pushed: Pushed[] = [];
  #done = 0;

  constructor(port: number, repositories: number) {
    this.#port = port;
    this.#repositories = repositories;
  }

  get operations(): number {
    return this.#done;
  }

  /** Until a time in milliseconds since 1970. Rejected as soon as one operation is not answered as it should be. */
  async run(deadline: number): Promise<void> {
    const started = Date.now();
    let slots = 0;
    await Promise.all(
      Array.from({ length: WORKERS }, async () => {
        while (Date.now() < deadline) {
          const due = started + (slots++ * 1_000) / OPERATIONS_PER_SECOND;
          await delay(Math.max(0, due - Date.now()));
          await this.#operate();
          this.#done += 1;
        }
      }),
    );
  }

  async #operate(): Promise<void> {
    const index = this.#random.integer(0, this.#repositories - 1);
    const image = this.#pushed[index];
    if (image === undefined || this.#random.chance(PUSHES)) this.#pushed[index] = await this.#push(index);
    else await this.#read(image);
  }

  async #push(index: number): Promise<Pushed> {
    const repository = `soak/repository-${index}`;
    const tag = `tag-${this.#random.integer(1, TAGS)}`;
    const config = layerOf(randomBytes(SMALLEST_LAYER_BYTES));
    const layer = this.#layer();
    const layers = [layer, ...Array.from({ length: LAYERS - 1 }, () => this.#layer())];
    const form = this.#random.pick<PushForm>(['whole', 'chunked']);
    await pushLayers(this.#port, repository, [config, ...layers], { form, connections: LAYERS });
    await timedCalls(this.#port, (connection) => pushManifest(connection, repository, tag, manifestOf(config, layers)));
    return { repository, tag, layer };
  }

  #layer(): Layer {
    return layerOf(randomBytes(this.#random.logarithmic(SMALLEST_LAYER_BYTES, LARGEST_LAYER_BYTES)));
  }

  async #read({ repository, tag, layer }: Pushed): Promise<void> {
    const [method, what] = this.#random.pick([...READS]).split(' ');
    const paths: Readonly<Record<string, string>> = {
      tag: manifestPath(repository, tag),
      manifest: manifestPath(repository, tag),
      blob: blobPath(repository, layer.digest),
      tags: `/v2/${repository}/tags/list`,
    };
    await timedCalls(this.#port, async (connection) => {
      await ask(connection, 200, {
        method: method === 'HEAD' ? 'HEAD' : 'GET',
        path: paths[what ?? ''] ?? '/v2/',
        headers: { accept: MANIFEST_TYPE },
      });
    });
  }
}
