/**
 * One deployment after another, of the newest push. A push is written down before it is deployed, and what is under way at
 * a crash is done again: the container that served before it still does.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { isEngineFailure, type Engine } from './engine.ts';
import { isNewer, type Push } from './pushes.ts';
import { readState, writeState, type Outcome, type State } from './state.ts';

const LONGEST_PAUSE_MS = 60_000;
const SHOWN_CHARACTERS = 500;

export interface DeploymentSettings {
  /** Registry and repository. */
  readonly image: string;
  readonly service: string;
  readonly stateFile: string;
  readonly log: (line: Readonly<Record<string, unknown>>) => void;
}

export class Deployments {
  #state: State;
  readonly #engine: Engine;
  readonly #settings: DeploymentSettings;
  #running: Promise<void> | undefined;
  /** Aborted by a push, which does not wait for the pause after another one's failure. */
  #news = new AbortController();

  constructor(engine: Engine, settings: DeploymentSettings) {
    this.#engine = engine;
    this.#settings = settings;
    this.#state = readState(settings.stateFile);
  }

  /** Takes away what a crash has left half done, and goes on. */
  async resume(): Promise<void> {
    // Where the file is new, nobody knows which of them serves: they stay until the next deployment.
    if (this.#state.running !== undefined) await this.#engine.removeOthers(this.#state.running);
    this.#goOn();
  }

  /** Written down when it returns. False for one that came before, or that a newer one has followed. */
  want(push: Push): boolean {
    const { wanted } = this.#state;
    if (wanted !== undefined && !isNewer(push, wanted)) return false;
    this.#write({ ...this.#state, wanted: push });
    this.#news.abort();
    this.#goOn();
    return true;
  }

  /** What became of a push, if that is known. */
  outcomeOf({ id }: Push): Outcome | undefined {
    const { settled } = this.#state;
    return settled?.id === id ? settled.outcome : undefined;
  }

  /** Whether something is still to be done. */
  get isBusy(): boolean {
    return this.#running !== undefined;
  }

  /** Fulfilled when all is done that is wanted. */
  async idle(): Promise<void> {
    await this.#running;
  }

  #goOn(): void {
    this.#running ??= this.#work().finally(() => {
      this.#running = undefined;
      // One that came between the last look and now.
      if (this.#isPending) this.#goOn();
    });
  }

  async #work(): Promise<void> {
    let failures = 0;
    for (let { wanted } = this.#state; wanted !== undefined && this.#isPending; { wanted } = this.#state) {
      this.#news = new AbortController();
      try {
        await this.#deploy(wanted);
        failures = 0;
      } catch (error) {
        // The registry or the engine does not answer. What was written down is this program's to do, so it tries on.
        failures += 1;
        const message = String(error).slice(-SHOWN_CHARACTERS);
        this.#settings.log({ event: 'deployment failed', id: wanted.id, digest: wanted.digest, failures, message });
        const pauseMs = Math.min(1_000 * 2 ** (failures - 1), LONGEST_PAUSE_MS);
        await pause(pauseMs, undefined, { signal: this.#news.signal }).catch(() => undefined);
      }
    }
  }

  get #isPending(): boolean {
    const { wanted, settled } = this.#state;
    return wanted !== undefined && wanted.id !== settled?.id;
  }

  async #deploy(push: Push): Promise<void> {
    const { image, service, log } = this.#settings;
    const reference = `${image}@${push.digest}`;
    await this.#engine.pull(reference);
    // A newer push came meanwhile: what nobody wants any more is not started.
    if (this.#state.wanted?.id !== push.id) return;
    const name = `${service}-${push.digest.slice('sha256:'.length, 'sha256:'.length + 12)}-${String(Date.now())}`;
    const isUp = await this.#starts(name, reference);
    const outcome = isUp ? 'deployed' : 'did not come up';
    const settled = { id: push.id, outcome } as const;
    // Written down before the old one ends: after a crash in between, the old one is what is left over.
    this.#write({ ...this.#state, settled, ...(isUp ? { running: name } : {}) });
    await (isUp ? this.#engine.removeOthers(name) : this.#engine.remove(name));
    log({ event: outcome, id: push.id, digest: push.digest, running: this.#state.running });
  }

  /** An image that can't be started will not be able to later: that is an answer, not a failure. Throws where it is the engine's. */
  async #starts(name: string, reference: string): Promise<boolean> {
    try {
      await this.#engine.start(name, reference);
    } catch (error) {
      if (isEngineFailure(error)) {
        await this.#engine.remove(name);
        throw error;
      }
      this.#settings.log({ event: 'start refused', message: String(error).slice(-SHOWN_CHARACTERS) });
      return false;
    }
    return this.#engine.comesUp(name);
  }

  #write(state: State): void {
    writeState(this.#settings.stateFile, state);
    this.#state = state;
  }
}
