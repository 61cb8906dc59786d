/** Fills a registry with repositories, blobs and tags, at a pace that it can keep while objects live on for a while. */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { HttpConnection } from '../http-client.ts';
import { ask, layerOf, manifestOf, pushManifest } from '../registry-client.ts';
import { timedParallel } from '../timing.ts';

const CONNECTIONS = 8;
const BLOB_BYTES = 200;
/** The repository that is measured has a large share of everything. */
const MEASURED_PART = 0.1;
const PROGRESS_REQUESTS = 5_000;

export const MEASURED_REPOSITORY = 'growth/measured';

export interface Size {
  readonly repositories: number;
  /** Of all repositories together. */
  readonly blobs: number;
}

/** Called before each request; fulfilled when it is its turn. */
type Turn = () => Promise<void>;
type Step = (connection: HttpConnection, turn: Turn) => Promise<void>;

/** How many tags the measured repository gets; each other one has one. */
export function measuredTags({ blobs }: Size): number {
  return Math.ceil(blobs * MEASURED_PART);
}

/** @param pace in requests a second: every one wakes an object that takes 270 kB for 10 s. */
export async function seed(
  port: number,
  size: Size,
  { pace, log }: { readonly pace: number; readonly log: (line: string) => void },
): Promise<void> {
  const started = Date.now();
  let requests = 0;
  const turn = async (): Promise<void> => {
    const due = started + (requests++ * 1_000) / pace;
    if (requests % PROGRESS_REQUESTS === 0) log(`${requests} requests of seeding`);
    await delay(Math.max(0, due - Date.now()));
  };
  await timedParallel(port, CONNECTIONS, steps(size), (connection, step) => step(connection, turn));
}

function* steps(size: Size): Generator<Step> {
  const measured = measuredTags(size);
  for (let tag = 0; tag < measured; tag += 1) yield image(MEASURED_REPOSITORY, `tag-${tag}`, 1);
  const each = Math.max(1, Math.round((size.blobs - measured) / size.repositories));
  for (let index = 0; index < size.repositories; index += 1) yield image(`growth/other-${index}`, 'latest', each);
}

/** An image of so many blobs that nobody else has. */
function image(repository: string, tag: string, blobs: number): Step {
  return async (connection, turn) => {
    const [config, ...layers] = Array.from({ length: blobs }, () => layerOf(randomBytes(BLOB_BYTES)));
    if (config === undefined) return;
    for (const { bytes, digest } of [config, ...layers]) {
      await turn();
      await ask(connection, 201, {
        method: 'POST',
        path: `/v2/${repository}/blobs/uploads/?digest=${digest}`,
        body: bytes,
      });
    }
    await turn();
    await pushManifest(connection, repository, tag, manifestOf(config, layers));
  };
}
