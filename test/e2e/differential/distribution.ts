/** Debian's distribution of a test's own, configured as the bench does: on a free port, with deletes, in a folder that goes with it. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { peerKinds } from '../../../bench/peer/kinds.ts';
import { Server, type ServerKind } from '../../../bench/peer/server.ts';
import { unavailable, type Availability } from '../clients/client.ts';

/** The table is of this one. */
export const VERSION = '2.8.2';

export async function findDistribution(): Promise<Availability<ServerKind>> {
  let kinds: readonly ServerKind[];
  try {
    kinds = await peerKinds([]);
  } catch (error) {
    if (error instanceof Error) return unavailable('docker-registry is not installed', error);
    throw error;
  }
  const kind = kinds.find(({ version }) => version.startsWith(VERSION));
  if (kind !== undefined) return { kind: 'available', value: kind };
  const versions = kinds.map(({ version }) => version).join(', ');
  return { kind: 'unavailable', reason: `the table is of ${VERSION}, and installed is ${versions}` };
}

export function startDistribution(kind: ServerKind): Promise<Server> {
  return Server.start(kind, mkdtempSync(join(tmpdir(), 'berth-distribution-')));
}
