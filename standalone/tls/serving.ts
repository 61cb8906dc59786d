/** TLS of one start: read first of all, served by the front, renewed until the end. */
import { plainAddress } from '../doubtful-settings.ts';
import { BUFFER_BYTES } from '../front.ts';
import { EXIT_USAGE, StartFailure } from '../start-failure.ts';
import type { Terminal } from '../terminal.ts';
import { ownAddress, readMaterial, tlsFilesOf, type Material, type TlsFiles } from './material.ts';
import { RefusedClients } from './refused-clients.ts';
import { Renewals } from './renewals.ts';
import { SecureSide } from './secure-side.ts';

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
  static open(get: Parameters<typeof tlsFilesOf>[0]): ServedTls | undefined {
    const files = tlsFilesOf(get);
    if (files === undefined) return undefined;
    const read = readMaterial(files);
    if (read.kind === 'problem') throw new StartFailure(read.message, { exitCode: EXIT_USAGE });
    return new ServedTls(files, read.value);
  }

  /** Says what is doubtful, and takes up renewals from now on. */
  watch(config: Parameters<typeof ownAddress>[0], terminal: Pick<Terminal, 'notice'>): Renewals {
    for (const doubt of plainAddress(config)) terminal.notice({ level: 'warn', ...doubt });
    const renewals = new Renewals({
      files: this.#files,
      material: this.#material,
      host: ownAddress(config)?.hostname,
      use: (material) => {
        this.side.use(material);
      },
      terminal,
    });
    renewals.watch();
    const refused = new RefusedClients(terminal);
    this.side.onRefused = (client) => {
      refused.add(client);
    };
    return renewals;
  }
}
