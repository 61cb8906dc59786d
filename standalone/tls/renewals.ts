/**
 * Takes up what replaces the files of TLS, while connections go on with what they began with. Renewers write in their own
 * ways: over a file, by renaming another one to its name, by moving a link at any place of its path (certbot's `live/`,
 * the `..data` of Kubernetes), and the certificate and its key one after the other. So what the paths lead to is looked at,
 * and files that don't fit are given time to; until they do, and if they never do, what was good is served on. Time alone may
 * put right what is wrong with them: a clock that was ahead, a disk that did not answer.
 */
import { stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { systemErrorCode } from '../start-failure.ts';
import type { Terminal } from '../terminal.ts';
import { DAY_MS } from './certificate-life.ts';
import { isValidAt, validityDoubt } from './doubts.ts';
import { subjectOf, type Result } from './key-pair.ts';
import { materialDoubts, readMaterial, type Material, type TlsFiles } from './material.ts';

/** How often it is asked whether a path leads to something else: a few calls of stat(2), which links and network disks obey. */
const WATCH_INTERVAL_MS = 2_000;
/** How long the certificate may wait for its key. */
const PATIENCE_MS = 15_000;
/** How often it is said that the end is near. */
const REMINDER_MS = DAY_MS;

export interface RenewalSettings {
  readonly files: TlsFiles;
  /** What is served now. */
  readonly material: Material;
  /** Where clients are told to find the registry, if somebody said so. */
  readonly host: string | undefined;
  /** What is called with what next handshakes are to be made with. */
  readonly use: (material: Material) => void;
  readonly terminal: Pick<Terminal, 'notice'>;
}

export class Renewals {
  readonly #settings: RenewalSettings;
  readonly #paths: readonly string[];
  #material: Material;
  /** What lies there now will not do. */
  #isRefused = false;
  /** Whether that stands in the log. */
  #isTold = false;
  /** Of what the paths led to when they were looked at last. */
  #signs = '';
  #patience: NodeJS.Timeout | undefined;
  #reminder: NodeJS.Timeout | undefined;
  readonly #closed = new AbortController();

  constructor(settings: RenewalSettings) {
    this.#settings = settings;
    this.#material = settings.material;
    const { cert, key, clientCa } = settings.files;
    this.#paths = [cert, key, clientCa].filter((path) => path !== undefined);
    this.#sayDoubts();
  }

  /** From now on, until it is closed. It keeps no process from ending. */
  watch(): void {
    void this.#watch(this.#closed.signal);
    this.#reminder = setInterval(() => {
      this.#remind();
    }, REMINDER_MS).unref();
  }

  close(): void {
    this.#closed.abort();
    clearTimeout(this.#patience);
    clearInterval(this.#reminder);
  }

  /** Something was written. What is wrong with it may be put right by the next thing that is. */
  changed(): void {
    if (this.#look().kind === 'problem')
      this.#patience ??= setTimeout(() => {
        this.asked();
      }, PATIENCE_MS).unref();
  }

  /** Somebody says that all is written, as by SIGHUP: what is wrong now is wrong. */
  asked(): void {
    const found = this.#look();
    this.#endPatience();
    if (found.kind === 'ok') return;
    this.#isTold = true;
    this.#settings.terminal.notice({
      level: 'error',
      event: 'certificate-refused',
      message: `${found.message.replace(/\.$/, '')}. The certificate from before is served on.`,
    });
  }

  async #watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.pass();
      // It is told of the end by an error.
      await delay(WATCH_INTERVAL_MS, undefined, { ref: false, signal }).catch(() => undefined);
    }
  }

  /** What is done at every interval. The first time it is for what was written since the files were read. */
  async pass(): Promise<void> {
    const signs = (await Promise.all(this.#paths.map(signOf))).join(' ');
    if (this.#closed.signal.aborted) return;
    const isNew = signs !== this.#signs;
    this.#signs = signs;
    if (isNew) this.changed();
    // It was said, or will be, and is not said again.
    else if (this.#isRefused) this.#look();
  }

  /** Takes what is good. */
  #look(): Result<Material> {
    const found = this.#judged();
    this.#isRefused = found.kind === 'problem';
    if (found.kind === 'ok') this.#take(found.value);
    return found;
  }

  #judged(): Result<Material> {
    const found = readMaterial(this.#settings.files);
    if (found.kind === 'problem') return found;
    const now = new Date();
    const [leaf] = found.value.pair.chain;
    const worse = !isValidAt(leaf, now) && isValidAt(this.#material.pair.chain[0], now);
    const doubt = worse ? validityDoubt(leaf, this.#settings.files.cert, now) : undefined;
    return doubt === undefined ? found : { kind: 'problem', message: doubt };
  }

  #take(material: Material): void {
    this.#endPatience();
    const wasTold = this.#isTold;
    this.#isTold = false;
    if (material.version === this.#material.version) {
      if (wasTold) this.#sayInOrder();
      return;
    }
    this.#material = material;
    this.#settings.use(material);
    const [leaf] = material.pair.chain;
    const { validToDate } = leaf;
    this.#settings.terminal.notice({
      level: 'info',
      event: 'certificate-renewed',
      message: `The certificate was renewed, and is valid until ${validToDate.toISOString()}.`,
      fields: { subject: subjectOf(leaf), until: validToDate.toISOString() },
    });
    this.#sayDoubts();
  }

  #sayInOrder(): void {
    this.#settings.terminal.notice({
      level: 'info',
      event: 'certificate-in-order',
      message: 'The files of the certificate are in order again, and hold the one that is served.',
    });
  }

  #endPatience(): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
  }

  #sayDoubts(): void {
    const { files, host } = this.#settings;
    for (const doubt of materialDoubts(this.#material, files, new Date(), host)) this.#warn(doubt);
  }

  #remind(): void {
    const doubt = validityDoubt(this.#material.pair.chain[0], this.#settings.files.cert, new Date());
    if (doubt !== undefined) this.#warn(doubt);
  }

  #warn(message: string): void {
    this.#settings.terminal.notice({ level: 'warn', event: 'certificate', message });
  }
}

/** Differs once something else lies there, or the same was written again. */
async function signOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(':');
  } catch (error) {
    return systemErrorCode(error) ?? 'nothing';
  }
}
