/**
 * docs/access.md, played: what its blocks of `sh` say is typed into one shell, in their order, against a real Berth. The page's
 * port and its host stand for those of the test's own. What deploys to Cloudflare is not typed.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isSettingName } from '../../../src/config.ts';
import { requireClient } from '../clients/client.ts';
import { PageRegistry, ROOT, START_LIMIT_MS } from './page-registry.ts';

const BLOCK_LIMIT_MS = 120_000;
/** `npm start`, with settings before it and options behind it. */
const START = /^((?:BERTH_\w+=\S+ )*)npm start(?: -- (.+))?$/;

interface Block {
  readonly label: string;
  readonly section: string;
  readonly text: string;
}

const page = readFileSync(join(ROOT, 'docs', 'access.md'), 'utf8');
const BLOCKS: readonly Block[] = page.split(/^## /m).flatMap((part) => {
  const section = part.slice(0, part.indexOf('\n'));
  return [...part.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, text = '']) => ({
    label: text.slice(0, text.indexOf('\n')),
    section,
    text,
  }));
});
const isDeployed = ({ text }: Block): boolean => /npx wrangler|npm run deploy/.test(text);
const SECTIONS = [...new Set(BLOCKS.map(({ section }) => section))];

let registry: PageRegistry;
beforeAll(async () => {
  registry = await PageRegistry.open();
}, START_LIMIT_MS);
afterAll(async () => {
  await registry.close();
}, START_LIMIT_MS);

const here = (): string => `http://${registry.host}`;
const asHere = (text: string): string =>
  text
    .replaceAll('127.0.0.1:8787', registry.host)
    .replaceAll('https://registry.example.org', here())
    .replaceAll('registry.example.org', registry.host);

/** `NAME=value NAME=value`, as it stands before a command. */
function settingsOf(text: string): Record<string, string> {
  const pairs = text.split(' ').filter(Boolean);
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
}

async function play(block: Block): Promise<string> {
  const lines = asHere(block.text).trimEnd().split('\n');
  const start = START.exec(lines.at(-1) ?? '');
  const typed = (start === null ? lines : lines.slice(0, -1)).join('\n');
  const { failed, output } = await registry.shell.play(`${typed}\n`);
  expect(failed, output).toBeUndefined();
  if (start !== null)
    await registry.startAgain(settingsOf(start[1] ?? ''), (start[2] ?? '').split(' ').filter(Boolean));
  // What was taken out of an answer was in it.
  for (const [, name = ''] of typed.matchAll(/^(\w+)=\$\(/gm))
    expect((await registry.shell.play(`echo "\${#${name}}"\n`)).output, `${name}: ${output}`).not.toMatch(/^0?$/);
  return output;
}

const Explained = v.looseObject({ allowed: v.boolean(), moves: v.optional(v.unknown()) });

async function explained(subject: string, repository: string, action: string) {
  const password = readFileSync(join(registry.data, 'admin-password'), 'utf8').trim();
  const response = await fetch(`${here()}/admin/access/explain`, {
    method: 'POST',
    headers: { authorization: `Bearer ${password}` },
    body: JSON.stringify({ subject, repository, action }),
  });
  return v.parse(Explained, await response.json());
}

/** What holds at the end of a section, besides that each of its commands has succeeded. */
const HOLDS: Readonly<Record<string, readonly [string, () => Promise<void>]>> = {
  'Just me': [
    'everybody on this machine comes in',
    async () => {
      expect((await fetch(`${here()}/v2/`)).status).toBe(200);
    },
  ],
  'A team of five': [
    'nobody comes in who has not signed in, each has their own, and the team its own',
    async () => {
      expect((await fetch(`${here()}/v2/`)).status).toBe(401);
      expect(await explained('user:bob', 'team/app', 'push')).toMatchObject({ allowed: true });
      expect(await explained('user:bob', 'bob/app', 'delete')).toMatchObject({ allowed: true });
      expect(await explained('user:bob', 'alice/app', 'pull')).toMatchObject({ allowed: false });
    },
  ],
  'An organisation with CI': [
    'the robot gives tags and moves none but one, teams are apart, and everybody pulls what is public',
    async () => {
      expect(await explained('robot:ci', 'public/hello', 'push')).toMatchObject({
        allowed: true,
        moves: { exempt: ['edge'] },
      });
      expect(await explained('robot:ci', 'web/hello', 'push')).toMatchObject({ allowed: true });
      expect(await explained('robot:nodes', 'team/hello', 'pull')).toMatchObject({ allowed: true });
      expect(await explained('robot:ci', 'public/hello', 'delete')).toMatchObject({ allowed: false });
      expect(await explained('user:frank', 'team/app', 'pull')).toMatchObject({ allowed: false });
      expect(await explained('user:bob', 'web/app', 'push')).toMatchObject({ allowed: true });
      expect(await explained('anonymous', 'public/hello', 'pull')).toMatchObject({ allowed: true });
    },
  ],
};

it('has blocks in each of its steps, and all that is checked below', () => {
  for (const section of Object.keys(HOLDS)) expect(SECTIONS).toContain(section);
  expect(BLOCKS.length).toBeGreaterThan(15);
});

it('is typed into a shell that tells of the first command that fails, wherever it stands', async () => {
  for (const [text, failed] of [
    // Of a pipeline, its last command stands for it.
    ['true\nfalse | cat\ntrue\n', 'cat'],
    ['taken=$(false)\n', 'taken=$(false)'],
    ['for one in 1 2; do test $one = 1; done\ntrue\n', 'test $one = 1'],
    ['fails() { return 3; }\nfails\n', 'return 3'],
    ['true\n', undefined],
  ] as const)
    expect((await registry.shell.play(text)).failed, text).toBe(failed);
});

describe.each(SECTIONS)('docs/access.md, "%s"', (section) => {
  const blocks = BLOCKS.filter((block) => block.section === section);

  it.for(blocks.filter((block) => !isDeployed(block)))(
    'works as it says: $label',
    { timeout: BLOCK_LIMIT_MS },
    async (block, context) => {
      if (block.text.includes('docker ')) requireClient(context, 'docker', registry.docker);
      const output = await play(block);
      // The last word of such a line is what somebody is shown.
      if (/\| value \w+$/m.test(block.text)) expect(output).toMatch(/\bberth_(pw|robot)_/);
    },
  );

  const deployed = blocks.filter(isDeployed);
  if (deployed.length > 0) {
    it.for(deployed)('is not run, since it deploys to Cloudflare, and names what there is: $label', ({ text }) => {
      const scripts = v.parse(
        v.looseObject({ scripts: v.record(v.string(), v.string()) }),
        JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')),
      );
      const named = [...text.matchAll(/(?:secret put|--var) (\w+)/g)].map(([, name = '']) => name);
      expect(named.length).toBeGreaterThan(0);
      for (const name of named) expect(isSettingName(name), name).toBe(true);
      for (const [, script = ''] of text.matchAll(/npm run ([\w-]+)/g))
        expect(scripts.scripts).toHaveProperty([script]);
    });
  }

  const [what, hold] = HOLDS[section] ?? [];
  if (what !== undefined && hold !== undefined) it(`then ${what}`, hold);
});
