/** Debian's docker-registry (distribution 2.8) with an empty store of the test's own: what is copied from and, at times, to. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { freePort } from '../../../bench/free-port.ts';
import { startDaemon } from '../clients/daemon.ts';

const PROGRAM = '/usr/bin/docker-registry';
const HOST = '127.0.0.1';

export const HAS_DISTRIBUTION = existsSync(PROGRAM);

export const USER = 'ann';
export const PASSWORD = 'correct horse';
/** bcrypt of the password, as the registry wants it. */
const HTPASSWD = `${USER}:$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2\n`;

export interface Distribution {
  readonly url: string;
}

export async function startDistribution({
  password = false,
}: { readonly password?: boolean } = {}): Promise<Distribution> {
  const folder = mkdtempSync(join(tmpdir(), 'berth-test-distribution-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const port = await freePort();
  const url = `http://${HOST}:${port}`;
  const config = join(folder, 'config.yml');
  writeFileSync(join(folder, 'users'), HTPASSWD);
  writeFileSync(
    config,
    [
      'version: 0.1',
      'log: { level: error }',
      `storage: { filesystem: { rootdirectory: ${join(folder, 'data')} }, delete: { enabled: true } }`,
      `http: { addr: "${HOST}:${port}" }`,
      // Else it takes no layer that is fetched from elsewhere.
      'validation: { manifests: { urls: { allow: [".*"] } } }',
      ...(password ? [`auth: { htpasswd: { realm: test, path: ${join(folder, 'users')} } }`] : []),
    ].join('\n'),
  );
  const daemon = await startDaemon(PROGRAM, ['serve', config], { PATH: process.env['PATH'] ?? '' }, async () => {
    const answer = await fetch(`${url}/v2/`).catch(() => undefined);
    return answer?.status === (password ? 401 : 200);
  });
  onTestFinished(() => daemon.stop());
  return { url };
}
