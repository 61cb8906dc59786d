/**
 * Takes out each rule of ownership, one at a time, in a copy of the sources, and demands that its test notices.
 * A rule whose test still passes without it is a test that proves nothing.
 */
import { spawn } from 'node:child_process';
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { alter } from './alteration.ts';
import type { Alteration } from './alteration.ts';
import type { Campaign, CampaignContext } from './campaign.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const COPIED = [
  'src',
  'standalone',
  'examples',
  'test',
  'wrangler.toml',
  'vitest.config.ts',
  'worker-configuration.d.ts',
  'package.json',
];
const CONFIGURATIONS = ['tsconfig.base.json', 'tsconfig.json'];
const TEST_FILE = 'test/workers/ownership.test.ts';
/** One run of the tests takes some ten seconds on a small machine. */
const RUN_MS = 120_000;

const DIRECTORY = 'src/objects/blob-directory/blob-directory.ts';
const ADOPTION = 'src/objects/repository/adoption.ts';

/** Each named as the title of its test begins; what it breaks is the code that keeps the rule. */
const RULES: readonly Alteration[] = [
  {
    name: 'tombstones',
    file: DIRECTORY,
    keeps: 'if (own === undefined || this.#isTombstone(own.key)) return undefined;',
    breaks: 'if (own === undefined) return undefined;',
  },
  {
    name: 'disown',
    file: DIRECTORY,
    keeps: "      this.#remember('tombstones', key, now);\n      return 'disowned';",
    breaks: "      return 'disowned';",
  },
  {
    name: 'recheck',
    file: ADOPTION,
    keeps: 'if (!this.#links.endIntent(claimId)) return undefined;',
    breaks: 'this.#links.endIntent(claimId);',
  },
  {
    name: 'doom-first',
    file: DIRECTORY,
    keeps:
      "      this.#database.run('DELETE FROM blobs WHERE digest = ?', digest);\n      this.#entomb(mapped.key, now);",
    breaks: '      this.#entomb(mapped.key, now);',
  },
  {
    name: 'claim ids',
    file: ADOPTION,
    keeps: 'const claimId = crypto.randomUUID();',
    breaks: "const claimId = 'the same for every claim';",
  },
  {
    name: 'release guard',
    file: DIRECTORY,
    keeps:
      "if (this.#database.first('SELECT 1 AS found FROM released WHERE id = ?', claimId)) return { kind: 'refused' };",
    breaks: '',
  },
  {
    name: 'swap',
    file: 'src/objects/winner.ts',
    keeps: "if ((await store.head(winner.key))?.size === own.size) return 'other';",
    breaks: "return 'other';",
  },
];

export const rules: Campaign = {
  name: 'rules',
  share: 2,
  async run({ log, deadline }: CampaignContext): Promise<void> {
    // Without this, a copy in which nothing runs at all would look as if everything were noticed.
    if (!(await passes(undefined))) throw new Error('the tests of ownership fail with every rule in place');
    const survived: string[] = [];
    for (const rule of RULES) {
      if (Date.now() >= deadline) {
        log(`out of time before ${rule.name}`);
        break;
      }
      const noticed = !(await passes(rule));
      log(`${rule.name} taken out: ${noticed ? 'noticed' : 'NOT noticed'}`);
      if (!noticed) survived.push(rule.name);
    }
    if (survived.length > 0) throw new Error(`no test notices when these rules are taken out: ${survived.join(', ')}`);
  },
};

/** Whether the rule's own test passes without the rule; with every rule in place, whether all tests do. */
async function passes(without: Alteration | undefined): Promise<boolean> {
  const copy = await mkdtemp(join(tmpdir(), 'berth-rule-'));
  try {
    for (const name of [...COPIED, ...CONFIGURATIONS])
      await cp(join(ROOT, name), join(copy, name), { recursive: true });
    await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
    if (without !== undefined) await alter(without, copy);
    return (await runTests(copy, without === undefined ? [] : ['-t', without.name])) === 0;
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

/** The exit code of the ownership tests in that copy. */
async function runTests(root: string, selection: readonly string[]): Promise<number | null> {
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  const child = spawn(process.execPath, [vitest, 'run', '--silent', '--project', 'workers', TEST_FILE, ...selection], {
    cwd: root,
    stdio: 'ignore',
    timeout: RUN_MS,
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
}
