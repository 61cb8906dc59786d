/** What is asked of podman. docker knows the same words. */
import { execFile } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

const RUN = promisify(execFile);
const CHECK_EVERY_MS = 500;
const CHECK_LIMIT_MS = 5_000;
const PULL_LIMIT_MS = 30 * 60_000;
const COMMAND_LIMIT_MS = 60_000;
/** Of `run`: the engine itself has failed, whatever the image is (podman-run(1), "Exit status"; docker's is the same). */
const ENGINE_FAILED = 125;
/** Of a machine where the engine may not do what it has to, for instance within a container: there the code is that of an image. */
const MACHINE_REFUSED = /rlimit|cgroup/i;

export interface EngineSettings {
  /** `podman`, with options that each command gets. */
  readonly engine: readonly string[];
  readonly pullOptions: readonly string[];
  readonly runOptions: readonly string[];
  /** In the label of each of its containers. */
  readonly service: string;
  /** A shell's command that succeeds once the container $CONTAINER serves. Without it, one that still runs at the end is up. */
  readonly check: string | undefined;
  readonly upSeconds: number;
}

export class Engine {
  readonly #settings: EngineSettings;

  constructor(settings: EngineSettings) {
    this.#settings = settings;
  }

  /** Throws where there is no engine. */
  async version(): Promise<string> {
    return (await this.#run(['version', '--format', '{{.Client.Version}}'])).trim();
  }

  async pull(image: string): Promise<void> {
    await this.#run(['pull', ...this.#settings.pullOptions, image], PULL_LIMIT_MS);
  }

  async start(name: string, image: string): Promise<void> {
    const { runOptions } = this.#settings;
    await this.#run(['run', '--detach', '--name', name, '--label', this.#label, ...runOptions, image]);
  }

  /** Whether it serves, at the latest when its time is over. */
  async comesUp(name: string): Promise<boolean> {
    const { check, upSeconds } = this.#settings;
    const deadline = Date.now() + upSeconds * 1_000;
    for (;;) {
      if (!(await this.#runs(name))) return false;
      if (check !== undefined && (await succeeds(check, name))) return this.#runs(name);
      if (Date.now() >= deadline) return check === undefined;
      await pause(CHECK_EVERY_MS);
    }
  }

  /** Ends every container of this service but one. */
  async removeOthers(kept: string): Promise<void> {
    const names = await this.#run(['ps', '--all', '--filter', `label=${this.#label}`, '--format', '{{.Names}}']);
    for (const name of names.split('\n').filter((one) => one !== '' && one !== kept)) {
      // It gets its time to finish what it does, and is removed whether it took it or not.
      await this.#run(['stop', name]).catch(() => undefined);
      await this.remove(name);
    }
  }

  /** Also one that is not there, since it could not be made. */
  async remove(name: string): Promise<void> {
    await this.#run(['rm', '--force', name]).catch(async (error: unknown) => {
      if ((await this.#run(['ps', '--all', '--format', '{{.Names}}'])).split('\n').includes(name)) throw error;
    });
  }

  get #label(): string {
    return `deploy-on-push=${this.#settings.service}`;
  }

  async #runs(name: string): Promise<boolean> {
    return (await this.#run(['inspect', '--format', '{{.State.Running}}', name])).trim() === 'true';
  }

  async #run(words: readonly string[], limitMs = COMMAND_LIMIT_MS): Promise<string> {
    const [program = '', ...options] = this.#settings.engine;
    const { stdout } = await RUN(program, [...options, ...words], { timeout: limitMs, maxBuffer: 16 * 1024 * 1024 });
    return stdout;
  }
}

/** Whether no image would have started, so that there is reason to try again once the machine is put right. */
export function isEngineFailure(error: unknown): boolean {
  return (
    error instanceof Error &&
    (('code' in error && error.code === ENGINE_FAILED) ||
      ('stderr' in error && typeof error.stderr === 'string' && MACHINE_REFUSED.test(error.stderr)))
  );
}

async function succeeds(check: string, container: string): Promise<boolean> {
  try {
    await RUN('/bin/sh', ['-c', check], { env: { ...process.env, CONTAINER: container }, timeout: CHECK_LIMIT_MS });
    return true;
  } catch {
    return false;
  }
}
