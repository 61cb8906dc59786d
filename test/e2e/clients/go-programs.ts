/**
 * Clients and suites that are Go modules: built once, by version, into a cache that outlives the checkout. A test builds what
 * it finds missing, but for the large ones: those are built ahead, by `npm run go-programs` (build-go-programs.ts), which
 * .ci/run does for as long as it may. What is not there is unavailable, which is a failure when every client is required;
 * the tests of a large one are no part of a run before it is built.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { unavailable, type Availability } from './client.ts';
import { CommandFailure, runCommand } from './command.ts';
import type { CommandOptions, CommandResult } from './command.ts';
import type { Scratch } from './scratch.ts';

const CACHE = process.env['BERTH_GO_CACHE'] ?? join(homedir(), '.cache', 'berth', 'go');
/** One program, from an empty module cache, on two cores that do other things too. */
const BUILD_LIMIT_MS = 1_200_000;
/** For a hook that may have to build every program that tests build, or to wait for daemons. */
export const PREPARATION_LIMIT_MS = 600_000;
/**
 * Compiling is what takes minutes, and running takes milliseconds: so nothing is optimized, and there is nothing for a
 * debugger. That is a third less work.
 */
const BUILD_FLAGS = ['-trimpath', '-buildvcs=false', '-gcflags=all=-N -l -dwarf=false', '-ldflags=-s'];

interface GoProgram {
  /** The package whose `main` it is. */
  readonly path: string;
  readonly version: string;
  /** Takes minutes, and no test has these: the test file that needs it. */
  readonly neededBy?: string;
  /** The module, where that excludes versions of others: only as the main module it is built, so in its own folder. */
  readonly module?: string;
}

const BUILDKIT = {
  version: 'v0.31.2',
  neededBy: 'test/e2e/clients/buildkit.test.ts',
  module: 'github.com/moby/buildkit',
} as const;
/**
 * What is built, each pinned: the newest version that every patch of Go 1.26 builds (later ones of oras and BuildKit want
 * one patch or another). The cheapest come first, and each leaves packages behind that the next ones share.
 */
const GO_PROGRAMS = {
  conformance: {
    path: 'github.com/opencontainers/distribution-spec/conformance',
    version: 'v0.0.0-20260831232431-97274622c111',
  },
  crane: { path: 'github.com/google/go-containerregistry/cmd/crane', version: 'v0.22.1' },
  oras: { path: 'oras.land/oras/cmd/oras', version: 'v1.3.4' },
  regctl: { path: 'github.com/regclient/regclient/cmd/regctl', version: 'v0.11.7' },
  buildctl: { path: 'github.com/moby/buildkit/cmd/buildctl', ...BUILDKIT },
  buildkitd: { path: 'github.com/moby/buildkit/cmd/buildkitd', ...BUILDKIT },
  helm: { path: 'helm.sh/helm/v4/cmd/helm', version: 'v4.3.1', neededBy: 'test/e2e/clients/helm.test.ts' },
  cosign: {
    path: 'github.com/sigstore/cosign/v3/cmd/cosign',
    version: 'v3.1.3',
    neededBy: 'test/e2e/clients/cosign.test.ts',
  },
} as const satisfies Readonly<Record<string, GoProgram>>;
export type GoProgramName = keyof typeof GO_PROGRAMS;

export const GO_PROGRAM_NAMES = Object.keys(GO_PROGRAMS).filter((name): name is GoProgramName => name in GO_PROGRAMS);

export function goProgramVersion(name: GoProgramName): string {
  return GO_PROGRAMS[name].version;
}

export function isLarge(name: GoProgramName): boolean {
  const found: GoProgram = GO_PROGRAMS[name];
  return found.neededBy !== undefined;
}

/** The test files of large programs that are not built. */
export function leftOutTests(): string[] {
  const programs: readonly (readonly [GoProgramName, GoProgram])[] = GO_PROGRAM_NAMES.map((name) => [
    name,
    GO_PROGRAMS[name],
  ]);
  const files = programs.flatMap(([name, { neededBy }]) =>
    neededBy === undefined || existsSync(programFile(name)) ? [] : [neededBy],
  );
  return [...new Set(files)];
}

/** Where the program lies; built at first need if it is not one of the large ones. */
export async function goProgram(name: GoProgramName): Promise<Availability<string>> {
  const found: GoProgram = GO_PROGRAMS[name];
  if (found.neededBy !== undefined && !existsSync(programFile(name))) {
    return { kind: 'unavailable', reason: `${name} is not built yet: npm run go-programs builds it` };
  }
  return buildGoProgram(name);
}

/** Where the program lies, built if it is not there yet. */
export async function buildGoProgram(name: GoProgramName, limitMs = BUILD_LIMIT_MS): Promise<Availability<string>> {
  const program = programFile(name);
  if (existsSync(program)) return { kind: 'available', value: program };
  await mkdir(CACHE, { recursive: true });
  // Built aside, so that one that was broken off is never taken for whole.
  const aside = await mkdtemp(join(CACHE, 'building-'));
  try {
    await buildInto(aside, GO_PROGRAMS[name], limitMs);
    await rename(aside, folderOf(name)).catch((error: unknown) => {
      if (!existsSync(program)) throw error;
    });
  } catch (error) {
    if (error instanceof CommandFailure) return unavailable(`${name} could not be built: is Go installed?`, error);
    throw error;
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
  return { kind: 'available', value: program };
}

async function buildInto(folder: string, { path, version, module }: GoProgram, limitMs: number): Promise<void> {
  const env = { ...environment(), GOBIN: folder, GOFLAGS: '', GOWORK: 'off', CGO_ENABLED: '0' };
  const options = { env, cwd: folder, limitMs };
  if (module === undefined) {
    await runCommand('go', ['install', ...BUILD_FLAGS, `${path}@${version}`], options);
    return;
  }
  const { stdout } = await runCommand('go', ['mod', 'download', '-json', `${module}@${version}`], options);
  const { Dir } = v.parse(v.object({ Dir: v.string() }), JSON.parse(stdout.toString('utf8')));
  await runCommand('go', ['build', '-C', Dir, ...BUILD_FLAGS, '-o', `${folder}/`, path], options);
}

/** Runs the program in the scratch folder's environment; options differ from that. */
export type GoCommand = (args: readonly string[], options?: Partial<CommandOptions>) => Promise<CommandResult>;

export async function goCommand(name: GoProgramName, scratch: Scratch): Promise<Availability<GoCommand>> {
  const program = await goProgram(name);
  if (program.kind === 'unavailable') return program;
  return {
    kind: 'available',
    value: (args, options) => runCommand(program.value, args, { env: scratch.env, ...options }),
  };
}

function folderOf(name: GoProgramName): string {
  return join(CACHE, `${name}@${GO_PROGRAMS[name].version}`);
}

function programFile(name: GoProgramName): string {
  return join(folderOf(name), name);
}

function environment(): Record<string, string> {
  const entries = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(entries);
}
