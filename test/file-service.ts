/** Serves the files that the filesystem driver's tests write, as `npm start` does, for as long as the tests run. */
import { rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FileStore } from '../standalone/files/file-store.ts';
import { serveFiles } from '../standalone/files/service.ts';

/** store-bindings.ts makes the directory and binds it to the Worker. */
const ROOT = process.env['BERTH_TEST_FILES'] ?? '';

export async function setup(): Promise<() => Promise<void>> {
  const server = serveFiles(await FileStore.open(ROOT, { sync: true }));
  await new Promise<void>((resolve) => server.listen(join(ROOT, 'socket'), resolve));
  return async () => {
    server.close();
    server.closeAllConnections();
    const left = await readdir(join(ROOT, 'uploads'));
    rmSync(ROOT, { recursive: true, force: true });
    if (left.length > 0) throw new Error(`the tests left ${left.join(', ')} of unfinished writes`);
  };
}
