/**
 * The step of README's section on deploying that lets people in: a secret, a deploy with its settings, a login and a push. What wrangler is handed is
 * handed to a Berth of `npm start` instead, which takes the same settings; the rest is typed as it stands.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { requireClient } from '../clients/client.ts';
import { PageRegistry, ROOT, START_LIMIT_MS } from './page-registry.ts';

const TEST_LIMIT_MS = 180_000;
/** Keep what they are handed, each setting in a file of its name. */
const PRELUDE = `
mkdir settings
npx() { cat > "settings/$4"; }
npm() {
  for word; do case $word in BERTH_*:*) printf %s "\${word#*:}" > "settings/\${word%%:*}";; esac; done
}`;

const section = readFileSync(join(ROOT, 'README.md'), 'utf8')
  .split(/^## /m)
  .find((part) => part.startsWith('Deploying'));
const blocksOf = (language: string): string[] =>
  [...(section ?? '').matchAll(new RegExp(`^( *)\`\`\`${language}\\n([^]*?)^ *\`\`\`$`, 'gm'))].map(
    ([, indent = '', text = '']) => text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  );
const block = blocksOf('sh').find((text) => text.includes('docker login')) ?? '';
const POLICY = /^\{ "rules": .*\}$/m;

it("README's section on deploying has as settings that stay what its deploy was given", () => {
  const [kept = ''] = blocksOf('toml');
  const [policy = 'none'] = POLICY.exec(block) ?? [];
  expect(POLICY.exec(kept)?.[0]).toBe(policy);
  for (const [, name = ''] of block.matchAll(/--var (\w+)/g)) expect(kept).toMatch(new RegExp(`^${name} = `, 'm'));
});

it(
  "README's section on deploying has a login and a push that work",
  { timeout: START_LIMIT_MS + TEST_LIMIT_MS },
  async (context) => {
    const registry = await PageRegistry.open(PRELUDE);
    onTestFinished(() => registry.close());
    requireClient(context, 'docker', registry.docker);
    const typed = block
      .replaceAll('https://berth.<your subdomain>.workers.dev', `http://${registry.host}`)
      .replaceAll('berth.<your subdomain>.workers.dev', registry.host);
    const lines = typed.trimEnd().split('\n');
    const deploy = lines.findIndex((line) => line.startsWith('npm run deploy'));
    expect(deploy).toBeGreaterThan(0);

    const play = async (text: readonly string[]): Promise<string> => {
      const { failed, output } = await registry.shell.play(`${text.join('\n')}\n`);
      expect(failed, output).toBeUndefined();
      return output;
    };
    await play(['tar -c LICENSE | docker import - hello', ...lines.slice(0, deploy + 1)]);
    const folder = join(registry.folder, 'settings');
    const names = readdirSync(folder);
    expect(names.sort()).toEqual(['BERTH_HTPASSWD', 'BERTH_POLICY', 'BERTH_PUBLIC_URL']);
    const settings = Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
    await registry.startAgain(settings, []);
    const output = await play(lines.slice(deploy + 1));
    expect(output).toContain('Login Succeeded');
    expect(output).toMatch(/^latest: digest: sha256:[0-9a-f]{64}/m);
  },
);
