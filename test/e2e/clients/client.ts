/**
 * What the matrix asks of a client, and how a client that is not there is treated: its tests are
 * reported as skipped with the reason, or fail when BERTH_REQUIRE_CLIENTS=1 (as CI sets it).
 */
import type { TestContext } from 'vitest';
import { CommandFailure, runCommand } from './command.ts';
import type { Image } from './fixtures.ts';
import type { Scratch } from './scratch.ts';

export type Availability<T> =
  { readonly kind: 'available'; readonly value: T } | { readonly kind: 'unavailable'; readonly reason: string };

/** The programs of the matrix, with the argument that makes each tell its version. */
const VERSION_ARGS = {
  docker: ['--version'],
  dockerd: ['--version'],
  containerd: ['--version'],
  ctr: ['--version'],
  skopeo: ['--version'],
  podman: ['--version'],
  buildah: ['--version'],
  runc: ['--version'],
  nginx: ['-v'],
  'systemd-analyze': ['--version'],
  jq: ['--version'],
} as const;
export type ProgramName = keyof typeof VERSION_ARGS;

export interface PulledImage {
  /** Digest of the manifest as this client names it. */
  readonly manifestDigest: string;
  readonly configDigest: string;
  /** SHA-256 of each uncompressed layer, taken from the bytes that the client now holds. */
  readonly diffIds: readonly string[];
}

/** What is typed at a login. */
export interface Password {
  readonly kind: 'password';
  readonly name: string;
  readonly password: string;
}

/** Made by the token endpoint for a password. docker's login asks for one by itself, and keeps it in place of the password. */
export interface RefreshToken {
  readonly kind: 'refresh-token';
  readonly name: string;
  readonly token: string;
}

export type Credentials = Password | RefreshToken;

/** A real client with a store of its own. References are `host:port/repository:tag`; failures are `CommandFailure`s. */
export interface RegistryClient {
  readonly version: string;
  /** Whether it pushes a manifest as it was given (skopeo, ctr), or makes one from its own store. */
  readonly keepsManifest: boolean;
  /** What it prints when a tag is not there. */
  readonly notFound: RegExp;
  /** What it prints for a layer that it need not push; only Docker says it off a terminal. */
  readonly layerExists?: RegExp;
  /**
   * Signs in as people do with this client. Rejects with what it printed, where it asks the registry; some keep what they
   * are given for the next push or pull.
   */
  login(host: string, credentials: Credentials): Promise<void>;
  logout(host: string): Promise<void>;
  /** Brings an image into the client's store under a reference, without the registry. */
  load(image: Image, reference: string): Promise<void>;
  /** Pushes what stands under the reference and tells the digest of the manifest that it pushed. */
  push(reference: string): Promise<{ readonly manifestDigest: string; readonly output: string }>;
  /** Empties the client's store, so that a pull has to fetch every byte. */
  forgetAll(): Promise<void>;
  pull(reference: string): Promise<PulledImage>;
  /** Ends what the client needs running. */
  stop(): Promise<void>;
}

/** Whom a client is to believe, and what it shows for itself, where a registry speaks TLS. */
export interface Trust {
  /** What docker keeps in a folder for each host (`ca.crt`, `client.cert`, `client.key`), and podman and skopeo take as it is. */
  readonly certificates: string;
  /** The parent of such folders, which is docker's `certs.d`. */
  readonly certsD: string;
  /** containerd's: a folder for each host, with a `hosts.toml`. */
  readonly hosts: string;
}

/** @param trust without it the registry speaks plain HTTP */
export type StartClient = (scratch: Scratch, trust?: Trust) => Promise<Availability<RegistryClient>>;

/** Finds a program on the PATH by asking for its version: the first line of what it says. */
export async function detectProgram(name: ProgramName, scratch: Scratch): Promise<Availability<string>> {
  try {
    const { output } = await runCommand(name, VERSION_ARGS[name], { env: scratch.env, limitMs: 20_000 });
    return { kind: 'available', value: output.trim().split('\n')[0] ?? '' };
  } catch (error) {
    if (error instanceof CommandFailure) return unavailable(`${name} is not installed`, error);
    throw error;
  }
}

/** The reason why something can't be used, in one line; the last line of a program's output says most. */
export function unavailable(summary: string, cause: Error): { readonly kind: 'unavailable'; readonly reason: string } {
  const detail = cause.message.trim().split('\n').at(-1) ?? '';
  return { kind: 'unavailable', reason: `${summary} (${detail})` };
}

/** Hands out what a test needs, or ends the test: skipped by name, or failed where every client is required. */
export function requireClient<T>(context: TestContext, client: string, availability: Availability<T>): T {
  if (availability.kind === 'available') return availability.value;
  const message = `${client} can't be used: ${availability.reason}`;
  if (process.env['BERTH_REQUIRE_CLIENTS'] === '1') {
    throw new Error(`${message}. Mend that, or unset BERTH_REQUIRE_CLIENTS to skip its tests.`);
  }
  // The default reporter names a skipped test only beside a failed one; this line it always shows, under the test's name.
  console.warn(`skipped: ${message}`);
  return context.skip(message);
}
