/** An image as most requests ask for it: a manifest of a few layers under a tag, and a small blob. */
import { randomBytes } from 'node:crypto';
import { layerOf, manifestOf, manifestPath, pushLayers, pushManifest, blobPath } from '../registry-client.ts';
import { timedCalls } from '../timing.ts';
import type { Target } from './request-rate.ts';

const LAYERS = 8;
const BLOB_BYTES = 4_096;
const TAG = 'latest';

/** Pushes one, and answers what is asked of it. */
export async function pushSmallImage(port: number, repository: string): Promise<Target[]> {
  const blobs = Array.from({ length: LAYERS + 1 }, () => layerOf(randomBytes(BLOB_BYTES)));
  const [config, ...layers] = blobs;
  if (config === undefined) throw new Error('an image has a config');
  await pushLayers(port, repository, blobs, { form: 'whole', connections: 1 });
  await timedCalls(port, (connection) => pushManifest(connection, repository, TAG, manifestOf(config, layers)));
  return [
    { name: 'HEAD tag', method: 'HEAD', path: manifestPath(repository, TAG) },
    { name: 'GET manifest by tag', method: 'GET', path: manifestPath(repository, TAG) },
    { name: `GET blob of ${BLOB_BYTES} bytes`, method: 'GET', path: blobPath(repository, config.digest) },
  ];
}
