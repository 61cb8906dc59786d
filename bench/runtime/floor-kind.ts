/** The smallest Worker as one more registry under measurement, behind the front of `npm start` and without it. */
import { fileURLToPath } from 'node:url';
import { NODE_FLAGS } from '../../standalone/node-flags.ts';
import { outerEnvironment } from '../peer/kinds.ts';
import type { ServerKind } from '../peer/server.ts';

const PROGRAM = fileURLToPath(new URL('./serve.ts', import.meta.url));
/** Node says of its stripping of types that it may change. */
const QUIET = '--disable-warning=ExperimentalWarning';

/** No build of distribution is named with a space. */
export const FLOOR = 'smallest Worker';
export const DIRECT_FLOOR = 'smallest Worker, no front';

export function floorKinds(): ServerKind[] {
  return [floorKind(FLOOR, 'front'), { ...floorKind(DIRECT_FLOOR, 'direct'), silentToTls: true }];
}

/** @param entrance `direct` is workerd's own socket. */
function floorKind(name: string, entrance: 'front' | 'direct'): ServerKind {
  return {
    name,
    version: 'as in this checkout',
    command: (folder, port) => ({
      words: [process.execPath, QUIET, ...NODE_FLAGS, PROGRAM, folder, String(port), entrance],
      environment: outerEnvironment(),
    }),
  };
}
