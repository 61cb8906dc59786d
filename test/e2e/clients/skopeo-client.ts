/**
 * skopeo: copies from an OCI layout to the registry and back into a folder, changing no byte. It has
 * no store, but as root it notes the digests that it has seen in /var/lib/containers/cache, which no
 * option moves; they carry the registry's port and this run's repository names, so no other run meets them.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { detectProgram } from './client.ts';
import type { Availability, RegistryClient, Trust } from './client.ts';
import { runCommand } from './command.ts';
import type { CommandResult } from './command.ts';
import { containersLogins } from './containers-logins.ts';
import { hexOf, sha256Of } from './fixtures.ts';
import { diffIdOf, parseManifest } from './image-files.ts';
import { LoadedLayouts } from './loaded-layouts.ts';
import type { Scratch } from './scratch.ts';

export interface SkopeoClient extends RegistryClient {
  /** `skopeo copy` with the given arguments; the registry is spoken to over plain HTTP on either side, or by TLS as it was started. */
  copy(...args: string[]): Promise<CommandResult>;
}

export async function startSkopeo(scratch: Scratch, trust?: Trust): Promise<Availability<SkopeoClient>> {
  const found = await detectProgram('skopeo', scratch);
  if (found.kind === 'unavailable') return found;
  const layouts = new LoadedLayouts('skopeo', scratch);
  const run = (...args: string[]): Promise<CommandResult> =>
    runCommand('skopeo', ['--tmpdir', scratch.folder('tmp'), ...args], { env: scratch.env });
  const tls =
    trust === undefined
      ? ['--src-tls-verify=false', '--dest-tls-verify=false']
      : ['--src-cert-dir', trust.certificates, '--dest-cert-dir', trust.certificates];
  const copy = (...args: string[]): Promise<CommandResult> => run('copy', ...tls, ...args);

  const value: SkopeoClient = {
    version: found.value,
    keepsManifest: true,
    notFound: /manifest unknown/,
    copy,
    ...containersLogins(run, scratch),
    load: (image, reference) => layouts.load(image, reference),
    async push(reference) {
      const folder = layouts.folderOf(reference);
      const digestFile = join(scratch.path, 'skopeo-digest');
      const { output } = await copy('--digestfile', digestFile, `oci:${folder}:image`, `docker://${reference}`);
      return { manifestDigest: readFileSync(digestFile, 'utf8').trim(), output };
    },
    forgetAll: () => layouts.forgetAll(),
    async pull(reference) {
      const folder = layouts.folderForPull();
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
