/**
 * crane, oras and regctl: each copies between an OCI layout and a registry and changes no byte. They have neither a daemon
 * nor a store. crane speaks plain HTTP to the machine's own addresses by itself; the others have to be told.
 */
import { rmSync } from 'node:fs';
import type { Availability, RegistryClient } from './client.ts';
import { goCommand, goProgramVersion } from './go-programs.ts';
import type { GoCommand, GoProgramName } from './go-programs.ts';
import { diffIdOf, layoutEntry, parseManifest, readLayoutBlob, writeLayout } from './image-files.ts';
import type { Scratch } from './scratch.ts';

export interface LayoutClient extends RegistryClient {
  /** Any other command of this client. */
  readonly run: GoCommand;
}

interface Commands {
  readonly notFound: RegExp;
  /** Copies the image `image` of a layout to a reference. */
  push(folder: string, reference: string): readonly string[];
  /** Copies what a reference names into an empty layout. */
  pull(reference: string, folder: string): readonly string[];
}

export function startCrane(scratch: Scratch): Promise<Availability<LayoutClient>> {
  return startLayoutClient('crane', scratch, {
    notFound: /MANIFEST_UNKNOWN/,
    push: (folder, reference) => ['push', folder, reference],
    pull: (reference, folder) => ['pull', '--format=oci', reference, folder],
  });
}

export function startOras(scratch: Scratch): Promise<Availability<LayoutClient>> {
  return startLayoutClient('oras', scratch, {
    notFound: /not found/,
    push: (folder, reference) => ['cp', '--from-oci-layout', `${folder}:image`, '--to-plain-http', reference],
    pull: (reference, folder) => ['cp', '--from-plain-http', reference, '--to-oci-layout', `${folder}:image`],
  });
}

export function startRegctl(scratch: Scratch): Promise<Availability<LayoutClient>> {
  return startLayoutClient('regctl', scratch, {
    notFound: /not found/,
    push: (folder, reference) => [...plainHttp(reference), 'image', 'copy', `ocidir://${folder}:image`, reference],
    pull: (reference, folder) => [...plainHttp(reference), 'image', 'copy', reference, `ocidir://${folder}:image`],
  });
}

/** What regctl has to be told of a reference's host, before the command. */
export function plainHttp(reference: string): readonly string[] {
  return ['--host', `reg=${reference.slice(0, reference.indexOf('/'))},tls=disabled`];
}

async function startLayoutClient(
  name: GoProgramName,
  scratch: Scratch,
  commands: Commands,
): Promise<Availability<LayoutClient>> {
  const found = await goCommand(name, scratch);
  if (found.kind === 'unavailable') return found;
  const run = found.value;
  const loaded = new Map<string, string>();
  const pulled: string[] = [];
  let serial = 0;
  const nextFolder = (): string => scratch.folder(`${name}/${String((serial += 1))}`);

  const value: LayoutClient = {
    version: goProgramVersion(name),
    keepsManifest: true,
    notFound: commands.notFound,
    run,
    load(image, reference) {
      const folder = nextFolder();
      writeLayout(folder, image, 'image');
      loaded.set(reference, folder);
      return Promise.resolve();
    },
    async push(reference) {
      const folder = loaded.get(reference);
      if (folder === undefined) throw new Error(`${reference} was not loaded`);
      const { output } = await run(commands.push(folder, reference));
      return { manifestDigest: layoutEntry(folder).digest, output };
    },
    forgetAll() {
      for (const folder of [...loaded.values(), ...pulled.splice(0)]) rmSync(folder, { recursive: true });
      loaded.clear();
      return Promise.resolve();
    },
    async pull(reference) {
      const folder = nextFolder();
      pulled.push(folder);
      await run(commands.pull(reference, folder));
      const { digest } = layoutEntry(folder);
      const { config, layers } = parseManifest(readLayoutBlob(folder, digest));
      const diffIds = layers.map((layer) => diffIdOf(readLayoutBlob(folder, layer.digest)));
      return { manifestDigest: digest, configDigest: config.digest, diffIds };
    },
    stop: () => Promise.resolve(),
  };
  return { kind: 'available', value };
}
