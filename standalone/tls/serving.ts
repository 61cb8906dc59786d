/** TLS of one start: read first of all, served by the front, renewed until the end. */
import { isatty } from 'node:tty';
import type { Config } from '../../src/config.ts';
import { BUFFER_BYTES } from '../front.ts';
import type { Settings } from '../settings/settings.ts';
import { EXIT_USAGE, StartFailure } from '../start-failure.ts';
import type { Terminal } from '../terminal.ts';
import { readMaterial, type Material, type TlsFiles } from './material.ts';
import { Renewals } from './renewals.ts';
import { SecureSide } from './secure-side.ts';

const STANDARD_STREAMS = [0, 1, 2];

export class ServedTls {
  readonly side: SecureSide;
  readonly #files: TlsFiles;
  readonly #material: Material;

  private constructor(files: TlsFiles, material: Material) {
    this.#files = files;
    this.#material = material;
    this.side = new SecureSide(material, BUFFER_BYTES);
  }

  /** Undefined where no certificate is set. Throws StartFailure for one that can't be served. */
  static open(settings: Pick<Settings, 'get'>): ServedTls | undefined {
    const [cert, key] = [settings.get('tls-cert'), settings.get('tls-key')];
    if (cert === undefined || key === undefined) return undefined;
    const files = { cert, key, clientCa: settings.get('tls-client-ca') };
    const read = readMaterial(files);
    if (read.kind === 'problem') throw new StartFailure(read.message, { exitCode: EXIT_USAGE });
    return new ServedTls(files, read.value);
  }

  /** Says what is doubtful, and takes up renewals from now on. */
  watch(
    { publicUrl, trustedProxy }: Pick<Config, 'publicUrl' | 'trustedProxy'>,
    terminal: Terminal,
    stop: () => void,
  ): void {
    const isPlain = publicUrl?.startsWith('http://') === true && !trustedProxy;
    if (isPlain)
      terminal.notice({
        level: 'warn',
        event: 'plain-address',
        message: `BERTH_PUBLIC_URL sends clients to ${publicUrl}, and this port speaks TLS: let it begin with https://`,
      });
    const renewals = new Renewals({
      files: this.#files,
      material: this.#material,
      // Behind a proxy clients see the proxy's certificate.
      host: publicUrl === undefined || trustedProxy ? undefined : new URL(publicUrl).hostname,
      use: (material) => {
        this.side.use(material);
      },
      terminal,
    });
    renewals.watch();
    onHangUp(() => {
      renewals.asked();
    }, stop);
  }
}

/** SIGHUP is what says that files are new, and what a terminal says when it is closed. */
function onHangUp(renew: () => void, stop: () => void): void {
  const isAtTerminal = (): boolean => STANDARD_STREAMS.some(isatty);
  const wasAtTerminal = isAtTerminal();
  process.on('SIGHUP', () => {
    if (wasAtTerminal && !isAtTerminal()) stop();
    else renew();
  });
}
