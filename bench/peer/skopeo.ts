/**
 * A push by a client that people use: `skopeo copy` of an image in its own folder format, byte for byte. As root it notes
 * the digests that it has seen in /var/lib/containers/cache, which no option moves; no other push brings them again.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Port } from '../http-client.ts';
import { layerOf, manifestOf, type Layer } from '../registry-client.ts';
import { writeBack } from '../workspace.ts';
import { runCommand } from './command.ts';

const FOLDER_VERSION = 'Directory Transport Version: 1.1\n';
/** Images are not signed here. */
const ACCEPT_UNSIGNED = JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] });

export class Skopeo {
  readonly #image: string;
  readonly #policy: string;
  readonly #certificates: string;

  constructor(workspace: string) {
    this.#image = join(workspace, 'image');
    this.#policy = join(workspace, 'policy.json');
    this.#certificates = join(workspace, 'certificates');
    writeFileSync(this.#policy, ACCEPT_UNSIGNED);
  }

  /** Milliseconds, of the program from its start to its end. */
  async push(port: Port, repository: string, layers: readonly Layer[]): Promise<number> {
    await this.#write(layers);
    const { milliseconds } = await runCommand('skopeo', [
      ...['--policy', this.#policy, 'copy', '--quiet', ...this.#trusting(port)],
      // Otherwise it would compress what it finds uncompressed, and its gzip would be what is measured.
      '--preserve-digests',
      `dir:${this.#image}`,
      `docker://127.0.0.1:${typeof port === 'number' ? port : port.port}/${repository}:latest`,
    ]);
    return milliseconds;
  }

  #trusting(port: Port): string[] {
    if (typeof port === 'number') return ['--dest-tls-verify=false'];
    mkdirSync(this.#certificates, { recursive: true });
    writeFileSync(join(this.#certificates, 'ca.crt'), port.authority);
    return ['--dest-cert-dir', this.#certificates];
  }

  async #write(layers: readonly Layer[]): Promise<void> {
    rmSync(this.#image, { recursive: true, force: true });
    mkdirSync(this.#image);
    const diffIds = layers.map(({ digest }) => digest);
    const config = layerOf(
      Buffer.from(
        JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: diffIds } }),
      ),
    );
    writeFileSync(join(this.#image, 'version'), FOLDER_VERSION);
    writeFileSync(join(this.#image, 'manifest.json'), manifestOf(config, layers));
    for (const { digest, bytes } of [config, ...layers]) {
      const file = join(this.#image, digest.slice('sha256:'.length));
      for (const piece of 'pieces' in bytes ? bytes.pieces() : [bytes]) writeFileSync(file, piece, { flag: 'a' });
    }
    await writeBack();
  }
}
