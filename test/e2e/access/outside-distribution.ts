/** Debian's docker-registry (distribution 2.8) with the same token server as Berth: what its users have today. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../../bench/free-port.ts';
import type { Availability } from '../clients/client.ts';
import { startDaemon } from '../clients/daemon.ts';
import { ISSUER, SERVICE, type TokenServer } from './token-server.ts';

const PROGRAM = '/usr/bin/docker-registry';
const HOST = '127.0.0.1';

export interface OutsideDistribution {
  readonly url: string;
  stop(): Promise<void>;
}

export async function startDistributionWith(server: TokenServer): Promise<Availability<OutsideDistribution>> {
  if (!existsSync(PROGRAM)) return { kind: 'unavailable', reason: `${PROGRAM} is not there` };
  const folder = mkdtempSync(join(tmpdir(), 'berth-distribution-'));
  const port = await freePort();
  const url = `http://${HOST}:${String(port)}`;
  const [bundle, config] = [join(folder, 'bundle.pem'), join(folder, 'config.yml')];
  writeFileSync(bundle, server.certificate);
  writeFileSync(
    config,
    [
      'version: 0.1',
      'log: { level: error }',
      `storage: { filesystem: { rootdirectory: ${join(folder, 'data')} }, delete: { enabled: true } }`,
      `http: { addr: "${HOST}:${String(port)}" }`,
      `auth: { token: { realm: "${server.url}/token", service: "${SERVICE}", issuer: "${ISSUER}", rootcertbundle: ${bundle} } }`,
    ].join('\n'),
  );
  const daemon = await startDaemon(PROGRAM, ['serve', config], { PATH: process.env['PATH'] ?? '' }, async () => {
    const answer = await fetch(`${url}/v2/`).catch(() => undefined);
    return answer?.status === 401;
  });
  return {
    kind: 'available',
    value: {
      url,
      async stop() {
        await daemon.stop();
        rmSync(folder, { recursive: true });
      },
    },
  };
}
