/** A smallest Worker that loses bytes would be a fast one: before it is measured, what is pushed to it must come back. */
import { randomBytes } from 'node:crypto';
import { MEBIBYTE } from '../arguments.ts';
import { layerOf, pushLayers, verifyLayer, type PushForm } from '../registry-client.ts';
import { withServers, type ServerKind } from '../peer/server.ts';

const REPOSITORY = 'bench/proof';
const FORMS: readonly PushForm[] = ['chunked', 'whole'];
/** A part of a part, one part exactly, and more parts than are under way at once. */
const SIZES_BYTES = [1_000, 8 * MEBIBYTE, 50 * MEBIBYTE + 1];

/** Rejects with what was answered, or with the mistake that other bytes came back. */
export function proveThatBytesComeBack(kinds: readonly ServerKind[], workspace: string): Promise<void> {
  return withServers(kinds, workspace, async (servers) => {
    for (const { port } of servers) {
      for (const form of FORMS) {
        for (const size of SIZES_BYTES) {
          const layer = layerOf(randomBytes(size));
          await pushLayers(port, REPOSITORY, [layer], { form, connections: 1 });
          await verifyLayer(port, REPOSITORY, layer);
        }
      }
    }
  });
}
