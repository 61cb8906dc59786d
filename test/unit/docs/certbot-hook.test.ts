/** docs/deploy.md: the commands that have certbot's certificates copied work on a machine where nothing of it is there yet. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';

const page = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'deploy.md'), 'utf8');
const [hook = ''] = [...page.matchAll(/^```sh\n([^]*?)^```/gm)]
  .map(([, script = '']) => script)
  .filter((script) => script.includes('/renewal-hooks/'));

it('the hook is run by hand for the first pair, and by certbot for the next', () => {
  const root = mkdtempSync(join(tmpdir(), 'berth-hook-'));
  onTestFinished(() => {
    rmSync(root, { recursive: true });
  });
  const lineage = join(root, 'etc/letsencrypt/live/registry.example.org');
  const script = join(root, 'etc/letsencrypt/renewal-hooks/deploy/berth');
  mkdirSync(lineage, { recursive: true });
  mkdirSync(join(script, '..'), { recursive: true });
  const lay = (text: string): void => {
    for (const name of ['privkey.pem', 'fullchain.pem']) writeFileSync(join(lineage, name), `${name} ${text}`);
  };
  const served = (name: string): string => readFileSync(join(root, 'etc/berth/tls', name), 'utf8');
  lay('one');
  // Nobody but root gives files away.
  const here = hook.replaceAll('/etc/', `${root}/etc/`).replaceAll('-o berth -g berth', '');
  execFileSync('sh', ['-e', '-c', here]);
  expect([served('privkey.pem'), served('fullchain.pem')]).toEqual(['privkey.pem one', 'fullchain.pem one']);
  lay('two');
  execFileSync(script, { env: { PATH: process.env['PATH'], RENEWED_LINEAGE: lineage } });
  expect([served('privkey.pem'), served('fullchain.pem')]).toEqual(['privkey.pem two', 'fullchain.pem two']);
  expect(statSync(join(root, 'etc/berth/tls/privkey.pem')).mode & 0o777).toBe(0o600);
});
