/**
 * Clients and suites that are Go modules: built once, by version, into a cache that outlives the checkout. Where Go is not
 * there they are unavailable, which is a failure when every client is required.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { unavailable, type Availability } from './client.ts';
import { CommandFailure, runCommand } from './command.ts';

const CACHE = process.env['BERTH_GO_CACHE'] ?? join(homedir(), '.cache', 'berth', 'go');
/** From an empty module cache, on two cores. */
const BUILD_LIMIT_MS = 600_000;

interface GoProgram {
  /** The package whose `main` it is. */
  readonly path: string;
  readonly version: string;
}

/** What is built, each pinned. */
const GO_PROGRAMS = {
  conformance: {
    path: 'github.com/opencontainers/distribution-spec/conformance',
    version: 'v0.0.0-20260831232431-97274622c111',
  },
} as const satisfies Readonly<Record<string, GoProgram>>;
export type GoProgramName = keyof typeof GO_PROGRAMS;

/** Where the program lies, built at first need. */
export async function goProgram(name: GoProgramName): Promise<Availability<string>> {
  const { path, version } = GO_PROGRAMS[name];
  const folder = join(CACHE, `${name}@${version}`);
  const program = join(folder, name);
  if (existsSync(program)) return { kind: 'available', value: program };
  await mkdir(CACHE, { recursive: true });
  // Built aside, so that one that was broken off is never taken for whole.
  const aside = await mkdtemp(join(CACHE, 'building-'));
  try {
    const env = { ...environment(), GOBIN: aside, GOFLAGS: '-trimpath', CGO_ENABLED: '0' };
    await runCommand('go', ['install', `${path}@${version}`], { env, limitMs: BUILD_LIMIT_MS });
    await rename(aside, folder).catch((error: unknown) => {
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

function environment(): Record<string, string> {
  const entries = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(entries);
}
