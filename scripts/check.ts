/**
 * `npm run check`: everything that can be said about the code without running it. Each check prints one line with its
 * time; what a failed one said follows at the end, so that the last screen is the work to do. Needs no network.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

const ROOT = join(import.meta.dirname, '..');
const BIN = join(ROOT, 'node_modules', '.bin');

interface Check {
  readonly name: string;
  /** Run one after the other, each to its end, so that one run shows all there is to mend. */
  readonly commands: readonly (readonly string[])[];
  /** What to do about a failure, where what the tool says does not tell. */
  readonly advice?: string;
}

interface Outcome {
  readonly check: Check;
  readonly failed: boolean;
  readonly output: string;
}

// The tool refuses to look into a folder that is not there, and git keeps none that is empty.
const folders = ['src', 'standalone', 'tools', 'scripts', 'bench', 'test', 'examples'].filter((folder) =>
  existsSync(join(ROOT, folder)),
);
const bundle = await mkdtemp(join(tmpdir(), 'berth-check-'));

const CHECKS: readonly Check[] = [
  { name: 'format', commands: [['prettier', '--check', '.']], advice: 'npm run format mends this.' },
  { name: 'lint', commands: [['eslint', '--max-warnings', '0', '.']] },
  {
    name: 'layers',
    commands: [['depcruise', '--config', '.dependency-cruiser.cjs', ...folders]],
    advice: 'docs/architecture.md draws the layers, .dependency-cruiser.cjs enforces them.',
  },
  {
    name: 'types',
    commands: [
      ['tsc', '-p', 'src'],
      ['tsc', '-p', 'examples'],
      ['tsc', '-p', 'examples/deploy-on-push'],
      ['tsc', '-p', 'test/workers'],
      ['tsc', '-p', '.'],
    ],
  },
  {
    name: 'bindings',
    commands: [['wrangler', 'types', '--include-runtime=false', '--strict-vars=false', '--check']],
    advice: 'npm run types writes worker-configuration.d.ts anew from wrangler.toml.',
  },
  { name: 'unused', commands: [['knip', '--no-config-hints']] },
  { name: 'deploy (dry run)', commands: [['wrangler', 'deploy', '--dry-run', '--outdir', bundle]] },
];

const outcomes: Outcome[] = [];
for (const check of CHECKS) outcomes.push(await carryOut(check));
await rm(bundle, { recursive: true, force: true });

const failures = outcomes.filter(({ failed }) => failed);
for (const { check, output } of failures) {
  console.log(`\n--- ${check.name}\n${output.trim()}`);
  if (check.advice !== undefined) console.log(check.advice);
}
console.log(`\n${String(outcomes.length - failures.length)} passed, ${String(failures.length)} failed`);
process.exitCode = failures.length === 0 ? 0 : 1;

async function carryOut(check: Check): Promise<Outcome> {
  const started = performance.now();
  let output = '';
  let failed = false;
  for (const command of check.commands) {
    const ran = await run(command);
    if (ran.ok) continue;
    output += ran.output;
    failed = true;
  }
  const seconds = ((performance.now() - started) / 1_000).toFixed(1);
  console.log(`${failed ? 'FAILED' : 'ok    '}  ${check.name.padEnd(18)} ${seconds.padStart(5)} s`);
  return { check, failed, output };
}

async function run([program = '', ...given]: readonly string[]): Promise<{ ok: boolean; output: string }> {
  const child = spawn(join(BIN, program), given, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      // The tools start `node` by name; it has to be the project's own, also where npm did not set the path.
      PATH: `${BIN}${delimiter}${process.env['PATH'] ?? ''}`,
      NO_COLOR: '1',
      FORCE_COLOR: '0',
      // Without these wrangler sends telemetry and asks the package registry for a newer version of itself.
      WRANGLER_SEND_METRICS: 'false',
      WRANGLER_HIDE_BANNER: 'true',
      WRANGLER_WRITE_LOGS: 'false',
    },
  });
  const said: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => said.push(bytes));
  return new Promise((settle) => {
    child.on('error', (error) => {
      settle({ ok: false, output: `${program} could not be started: ${error.message}. Run npm ci, then try again.` });
    });
    child.on('close', (code, signal) => {
      // Some colour what they say whatever the environment asks for.
      const output = stripVTControlCharacters(Buffer.concat(said).toString('utf8'));
      settle({ ok: code === 0, output: signal === null ? output : `${output}\n${program} was ended by ${signal}` });
    });
  });
}
