/**
 * The rules of .dependency-cruiser.cjs are themselves code that may be wrong: a rule whose pattern matches nothing is
 * silent for ever. Each is set here on a small tree with one wrong arrow, and has to name it.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { cruise, type ICruiseOptions } from 'dependency-cruiser';
import extractDepcruiseConfig from 'dependency-cruiser/config-utl/extract-depcruise-config';
import { afterEach, beforeEach, expect, test } from 'vitest';

const RULES_FILE = join(import.meta.dirname, '../../.dependency-cruiser.cjs');

type Tree = Readonly<Record<string, string>>;

const installed = (name: string): Tree => ({
  [`node_modules/${name}/package.json`]: JSON.stringify({ name, version: '1.0.0', main: 'index.js' }),
  [`node_modules/${name}/index.js`]: 'export const it = 1;\n',
});

/** Every layer once, each arrow pointing down. */
const SOUND: Tree = {
  'package.json': JSON.stringify({ dependencies: { valibot: '1', router: '1' }, devDependencies: { tool: '1' } }),
  ...installed('valibot'),
  ...installed('router'),
  ...installed('tool'),
  'src/worker.ts': "import './http/app.ts';\nexport { it } from './objects/upload/upload.ts';\n",
  'src/http/app.ts': "import 'router';\nimport '../registry/registry.ts';\nimport '../auth/policy.ts';\n",
  'src/registry/registry.ts': "import '../objects/upload/upload.ts';\n",
  'src/objects/upload/upload.ts':
    "import '../../storage/driver.ts';\nimport 'cloudflare:workers';\nexport const it = 1;\n",
  'src/storage/driver.ts': "import '../oci/digest.ts';\nimport '../observability/work.ts';\nimport 'node:crypto';\n",
  'src/auth/policy.ts': "import '../config.ts';\n",
  'src/observability/work.ts': 'export const it = 1;\n',
  'src/config.ts': "import 'valibot';\nexport const it = 1;\n",
  'src/oci/digest.ts': "import 'valibot';\nimport './name.ts';\nexport const it = 1;\n",
  'src/oci/name.ts': 'export const it = 1;\n',
  'standalone/main.ts': "import './port.ts';\n",
  'standalone/port.ts': 'export const it = 1;\n',
  'tools/copy/copy.ts': "import '../../src/oci/name.ts';\nimport '../../standalone/port.ts';\n",
  'tools/doctor/doctor.ts': "import '../registry/client.ts';\n",
  'tools/registry/client.ts': "import '../../src/oci/name.ts';\n",
  'tools/proxy.ts': "import '../standalone/port.ts';\nimport '../src/oci/name.ts';\n",
  'test/worker.test.ts': "import '../src/worker.ts';\nimport 'tool';\n",
};

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'berth-layers-'));
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

/** `rule: from -> to` of each violation in the tree. */
async function violations(tree: Tree): Promise<string[]> {
  for (const [path, content] of Object.entries(tree)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  const { options, ...ruleSet } = await extractDepcruiseConfig(RULES_FILE);
  const settings: ICruiseOptions = { ...options, ruleSet, validate: true, baseDir: root };
  const { output } = await cruise(['src', 'standalone', 'tools', 'test'], settings);
  if (typeof output === 'string') throw new Error('the result should be an object, since no output type was asked for');
  return output.summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`);
}

const importing = (from: string, what: string): Tree => ({ [from]: `${SOUND[from] ?? ''}import '${what}';\n` });

test('a tree whose arrows all point down passes', async () => {
  expect(await violations(SOUND)).toEqual([]);
});

test.each([
  ['http-points-down', 'src/http/app.ts', '../worker.ts', 'src/worker.ts'],
  ['registry-points-down', 'src/registry/registry.ts', '../http/app.ts', 'src/http/app.ts'],
  ['objects-points-down', 'src/objects/upload/upload.ts', '../../registry/registry.ts', 'src/registry/registry.ts'],
  ['storage-points-down', 'src/storage/driver.ts', '../objects/upload/upload.ts', 'src/objects/upload/upload.ts'],
  ['auth-points-down', 'src/auth/policy.ts', '../storage/driver.ts', 'src/storage/driver.ts'],
  ['observability-points-down', 'src/observability/work.ts', '../config.ts', 'src/config.ts'],
  ['config-points-down', 'src/config.ts', './auth/policy.ts', 'src/auth/policy.ts'],
  ['oci-points-down', 'src/oci/digest.ts', '../config.ts', 'src/config.ts'],
  ['worker-points-down', 'src/worker.ts', './storage/driver.ts', 'src/storage/driver.ts'],
  ['oci-is-pure', 'src/oci/digest.ts', 'node:crypto', 'crypto'],
  ['oci-is-pure', 'src/oci/digest.ts', 'router', 'node_modules/router/index.js'],
  ['oci-is-pure', 'src/oci/digest.ts', 'cloudflare:workers', 'cloudflare:workers'],
  ['src-stands-alone', 'src/http/app.ts', '../../standalone/port.ts', 'standalone/port.ts'],
  ['src-stands-alone', 'src/http/app.ts', '../../test/worker.test.ts', 'test/worker.test.ts'],
  ['src-ships-no-dev-dependency', 'src/http/app.ts', 'tool', 'node_modules/tool/index.js'],
  ['copy-speaks-http', 'tools/copy/copy.ts', '../../src/config.ts', 'src/config.ts'],
  ['doctor-speaks-http', 'tools/doctor/doctor.ts', '../copy/copy.ts', 'tools/copy/copy.ts'],
  ['registry-client-serves-tools', 'tools/registry/client.ts', '../copy/copy.ts', 'tools/copy/copy.ts'],
  ['src-stands-alone', 'src/http/app.ts', '../../tools/proxy.ts', 'tools/proxy.ts'],
  ['tools-stand-alone', 'standalone/port.ts', '../tools/proxy.ts', 'tools/proxy.ts'],
  ['tools-know-no-registry', 'tools/proxy.ts', '../src/http/app.ts', 'src/http/app.ts'],
  ['tools-know-no-registry', 'tools/proxy.ts', '../src/config.ts', 'src/config.ts'],
  ['imports-resolve', 'src/http/app.ts', './missing.ts', './missing.ts'],
])('%s finds that %s imports %s', async (rule, from, what, to) => {
  const found = await violations({ ...SOUND, ...importing(from, what) });
  expect(found).toContain(`${rule}: ${from} -> ${to}`);
});

test('a type is an arrow too', async () => {
  const typed = "import type { it } from '../http/app.ts';\nexport type It = typeof it;\n";
  const found = await violations({ ...SOUND, 'src/registry/registry.ts': typed });
  expect(found).toContain('registry-points-down: src/registry/registry.ts -> src/http/app.ts');
});

test.each([
  ['of code', "import './digest.ts';\nexport const it = 1;\n"],
  [
    'of types',
    "import type { it as other } from './digest.ts';\nexport type It = typeof other;\nexport const it = 1;\n",
  ],
])('a circle %s is found', async (_kind, source) => {
  const found = await violations({ ...SOUND, 'src/oci/name.ts': source });
  // A circle is told once, from either end.
  expect(found).toEqual([
    expect.stringMatching(/^no-cycles: src\/oci\/(digest|name)\.ts -> src\/oci\/(digest|name)\.ts$/),
  ]);
});

test('a file that nobody imports is found', async () => {
  const found = await violations({ ...SOUND, 'src/oci/forgotten.ts': 'export const it = 1;\n' });
  expect(found).toEqual(['no-orphans: src/oci/forgotten.ts -> src/oci/forgotten.ts']);
});

test('a folder of src that is in no layer is found', async () => {
  const found = await violations({
    ...SOUND,
    'src/extras/more.ts': "import '../oci/name.ts';\nexport const it = 1;\n",
  });
  expect(found).toEqual(['every-file-has-a-layer: src/extras/more.ts -> src/oci/name.ts']);
});
