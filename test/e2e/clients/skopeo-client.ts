/**
 * skopeo: copies from an OCI layout to the registry and back into a folder, changing no byte. It has
 * no store, but as root it notes the digests that it has seen in /var/lib/containers/cache, which no
 * option moves; they carry the registry's port and this run's repository names, so no other run meets them.
 */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { detectProgram } from './client.ts';
import type { Availability, RegistryClient } from './client.ts';
import { runCommand } from './command.ts';
import type { CommandResult } from './command.ts';
import { hexOf, sha256Of } from './fixtures.ts';
import { diffIdOf, parseManifest, writeLayout } from './image-files.ts';
import type { Scratch } from './scratch.ts';

export interface SkopeoClient extends RegistryClient {
  /** `skopeo copy` with the given arguments; the registry is spoken to over plain HTTP on either side. */
  copy(...args: string[]): Promise<CommandResult>;
}

export async function startSkopeo(scratch: Scratch): Promise<Availability<SkopeoClient>> {
  const found = await detectProgram('skopeo', scratch);
  if (found.kind === 'unavailable') return found;
  const loaded = new Map<string, string>();
  const pulled: string[] = [];
  let serial = 0;
  const nextFolder = (): string => scratch.folder(`skopeo/${String((serial += 1))}`);
  const copy = (...args: string[]): Promise<CommandResult> =>
    runCommand(
      'skopeo',
      [...['--tmpdir', scratch.folder('tmp'), 'copy', '--src-tls-verify=false', '--dest-tls-verify=false'], ...args],
      { env: scratch.env },
    );

  const value: SkopeoClient = {
    version: found.value,
    keepsManifest: true,
    notFound: /manifest unknown/,
    copy,
    load(image, reference) {
      const folder = nextFolder();
      writeLayout(folder, image, 'image');
      loaded.set(reference, folder);
      return Promise.resolve();
    },
    async push(reference) {
      const folder = loaded.get(reference);
      if (folder === undefined) throw new Error(`${reference} was not loaded`);
      const digestFile = join(scratch.path, 'skopeo-digest');
      const { output } = await copy('--digestfile', digestFile, `oci:${folder}:image`, `docker://${reference}`);
      return { manifestDigest: readFileSync(digestFile, 'utf8').trim(), output };
    },
    forgetAll() {
      for (const folder of [...loaded.values(), ...pulled.splice(0)]) rmSync(folder, { recursive: true });
      loaded.clear();
      return Promise.resolve();
    },
    async pull(reference) {
      const folder = nextFolder();
      pulled.push(folder);
      // `dir:` keeps a manifest of any type as it came; a layout would want schema 2 made into OCI.
      await copy(`docker://${reference}`, `dir:${folder}`);
      const manifest = readFileSync(join(folder, 'manifest.json'));
      const { config, layers } = parseManifest(manifest);
      const diffIds = layers.map(({ digest }) => diffIdOf(readFileSync(join(folder, hexOf(digest)))));
      return { manifestDigest: sha256Of(manifest), configDigest: config.digest, diffIds };
    },
    stop: () => Promise.resolve(),
  };
  return { kind: 'available', value };
}
