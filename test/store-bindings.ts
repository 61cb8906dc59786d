/**
 * What the storage tests find in their Worker's environment besides wrangler.toml's own bindings (test/workers/
 * bindings.d.ts has the types): the filesystem driver's file service and files, and the worked example's server. The
 * services themselves run where the tests are started: vitest's `globalSetup` takes STORE_SERVICES.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const STORE_SERVICES = ['test/file-service.ts', 'test/object-server.ts'];

/** Makes a directory of their own for the services of this process. */
export function storeBindings() {
  const directory = mkdtempSync(join(tmpdir(), 'berth-test-'));
  process.once('exit', () => {
    rmSync(directory, { recursive: true, force: true });
  });
  const objects = join(directory, 'objects-socket');
  // How the services hear of it, which vitest loads by their names.
  process.env['BERTH_TEST_FILES'] = directory;
  process.env['BERTH_TEST_OBJECTS'] = objects;
  return {
    TEST_FILES: { external: { address: `unix:${join(directory, 'socket')}`, http: {} } },
    TEST_DISK: { disk: { path: join(directory, 'blobs'), writable: false } },
    TEST_OBJECTS: { external: { address: `unix:${objects}`, http: {} } },
  };
}
