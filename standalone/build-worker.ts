/**
 * Run as a program of its own: `node build-worker.ts <project> <directory>`. Wrangler bundles the Worker exactly as
 * `wrangler deploy` would, and translates wrangler.toml into Miniflare's options exactly as `wrangler dev` would, so
 * wrangler.toml stays the only description of the Worker. Nothing here reaches for the network.
 */
import { execFile } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { isDeepStrictEqual, promisify } from 'node:util';
import * as v from 'valibot';
import { BUNDLE_FILE, OPTIONS_FILE } from './built-worker.ts';

/** Far beyond what wrangler prints about an error. */
const OUTPUT_LIMIT_BYTES = 16 * 1024 * 1024;

const [root, directory] = process.argv.slice(2);
if (root === undefined || directory === undefined) throw new Error('usage: node build-worker.ts <project> <directory>');

const scratch = join(directory, 'wrangler');
mkdirSync(scratch);
const environment = {
  ...process.env,
  // No telemetry, and no question to the registry whether there is a newer wrangler.
  WRANGLER_SEND_METRICS: 'false',
  WRANGLER_HIDE_BANNER: 'true',
  WRANGLER_LOG_PATH: join(scratch, 'log'),
  // Another environment of wrangler.toml is for deploying; here there is one.
  CLOUDFLARE_ENV: '',
};
Object.assign(process.env, environment);

// The start that asked for this was told to stop; what was begun here must stop too.
let wrangler: ChildProcess | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    const end = (): never => process.exit(1);
    if (wrangler?.kill('SIGKILL') === true) wrangler.once('exit', end);
    else end();
  });

const configuration = join(root, 'wrangler.toml');
const [bundle] = await Promise.all([makeBundle(), writeOptions()]).catch((error: unknown) => {
  // What wrangler has to say about the project is the message; a stack of this file would only hide it.
  console.error(error instanceof Error && 'stderr' in error && error.stderr !== '' ? error.stderr : error);
  process.exit(1);
});
copyFileSync(bundle, join(directory, BUNDLE_FILE));
rmSync(scratch, { recursive: true });

async function makeBundle(): Promise<string> {
  // What wrangler's own command runs in yet another process.
  const program = createRequire(import.meta.url).resolve('wrangler');
  const output = join(scratch, 'bundle');
  const running = promisify(execFile)(
    process.execPath,
    [program, 'deploy', '--dry-run', '--config', configuration, '--outdir', output],
    { cwd: root, env: environment, maxBuffer: OUTPUT_LIMIT_BYTES },
  );
  wrangler = running.child;
  await running;
  const modules = readdirSync(output).filter((name) => !name.endsWith('.map') && name !== 'README.md');
  const [entry] = modules;
  if (entry === undefined || modules.length > 1)
    throw new Error(`expected one module of wrangler and found ${modules.join(', ')}: teach this program about them`);
  return join(output, entry);
}

async function writeOptions(): Promise<void> {
  const { unstable_getMiniflareWorkerOptions: getOptions, unstable_readConfig: readConfig } = await import('wrangler');
  const { name } = v.parse(v.object({ name: v.string() }), readConfig({ config: configuration }));
  // No .dev.vars: settings of `npm start` come from wrangler.toml and the environment alone. The option is missing in
  // wrangler's types, which take it only beside one that they know.
  const withoutEnvFiles = { envFiles: [], overrides: {} };
  const { workerOptions, externalWorkers } = getOptions(configuration, undefined, withoutEnvFiles);
  const { email } = workerOptions;
  const options = {
    ...workerOptions,
    // The bundle is one module, for which no rules are needed.
    modulesRules: undefined,
    // Miniflare keeps a temporary directory for mail, also where none is ever sent.
    email: email?.send_email?.length === 0 ? undefined : email,
  };
  const written = JSON.stringify({ name, workerOptions: options });
  const lost = Object.entries(options)
    .filter(([, value]) => !isDeepStrictEqual(withoutUndefined(value), throughJson(value)))
    .map(([option]) => option);
  if (externalWorkers.length > 0) lost.push('bindings to other Workers');
  if (lost.length > 0)
    throw new Error(`wrangler.toml asks for what this program can't hand on yet: ${lost.join(', ')}`);
  writeFileSync(join(directory ?? '', OPTIONS_FILE), written);
}

function throughJson(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

/** JSON drops what is undefined, which makes no difference to Miniflare. */
function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUndefined);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, entry]) => entry !== undefined)
      .map(([name, entry]) => [name, withoutUndefined(entry)]),
  );
}
