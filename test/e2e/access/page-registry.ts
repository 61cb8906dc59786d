/** Where a page of the documentation is played: a folder that stands for the clone, a Berth, a Docker engine, and a shell. */
import { hashSync } from 'bcryptjs';
import { copyFileSync, existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { runBerth, type BerthRun } from '../berth-process.ts';
import type { Availability } from '../clients/client.ts';
import { startDockerEngine, type DockerEngine } from '../clients/docker-daemon.ts';
import { makeScratch, type Scratch } from '../clients/scratch.ts';
import { PageShell } from './page-shell.ts';

export const ROOT = join(import.meta.dirname, '..', '..', '..');
export const START_LIMIT_MS = 90_000;
const TYPED_PASSWORD = 'typed at the terminal';
const HTPASSWD_COST = 5;

/** What a person's terminal would do: npm is the program behind it, and what is asked for is answered. */
const PRELUDE = `
npm() { "$NODE" "$ROOT/standalone/admin-password-command.ts" --data "$DATA"; }
htpasswd() { printf '%s\\n' "$LINE" > "$2"; }
docker() {
  if [[ "$1" == login && "$*" != *--password-stdin* ]]
  then printf %s "$TYPED" | command docker "$@" --password-stdin
  else command docker "$@"
  fi
}`;

export class PageRegistry {
  readonly folder: string;
  readonly data: string;
  readonly host: string;
  readonly docker: Availability<DockerEngine>;
  readonly shell: PageShell;
  readonly #scratch: Scratch;
  readonly #port: number;
  #berth: BerthRun | undefined;

  private constructor(scratch: Scratch, port: number, docker: Availability<DockerEngine>, prelude: string) {
    this.#scratch = scratch;
    this.#port = port;
    this.docker = docker;
    this.host = `127.0.0.1:${String(port)}`;
    this.folder = scratch.folder('clone');
    this.data = join(this.folder, 'data');
    copyFileSync(join(ROOT, 'LICENSE'), join(this.folder, 'LICENSE'));
    const environment = docker.kind === 'available' ? docker.value.env : scratch.env;
    const given = {
      ...{ ROOT, DATA: this.data, TYPED: TYPED_PASSWORD, NODE: join(ROOT, 'node_modules', '.bin', 'node') },
      LINE: `alice:${hashSync(TYPED_PASSWORD, HTPASSWD_COST)}`,
    };
    this.shell = new PageShell(this.folder, { ...environment, ...given }, `${PRELUDE}\n${prelude}`);
  }

  /** @param prelude what else is defined in the shell */
  static async open(prelude = ''): Promise<PageRegistry> {
    const scratch = makeScratch();
    return new PageRegistry(scratch, await freePort(), await startDockerEngine(scratch), prelude);
  }

  /** Ends the one before, as Ctrl-C does, and starts with these settings and options; a file is one of the folder. */
  async startAgain(settings: Readonly<Record<string, string>>, options: readonly string[]): Promise<void> {
    await this.#stop();
    const inFolder = (word: string): string => (existsSync(join(this.folder, word)) ? join(this.folder, word) : word);
    const words = ['--port', String(this.#port), '--data', this.data, ...options.map(inFolder)];
    this.#berth = runBerth({ words, environment: settings });
    await this.#berth.waitFor(({ event }) => event === 'serving', { limitMs: START_LIMIT_MS, from: 0 });
  }

  async close(): Promise<void> {
    await this.shell.end();
    await this.#stop();
    if (this.docker.kind === 'available') await this.docker.value.stop();
    await this.#scratch.remove();
  }

  async #stop(): Promise<void> {
    this.#berth?.signal('SIGTERM');
    await this.#berth?.exited;
    await this.#berth?.discard();
    this.#berth = undefined;
  }
}

/** The page names a port before anything listens there. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('no port'));
        else resolve(address.port);
      });
    });
  });
}
