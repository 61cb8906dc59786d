/**
 * crane, oras and regctl: each copies between an OCI layout and a registry and changes no byte. They have neither a daemon
 * nor a store. crane speaks plain HTTP to the machine's own addresses by itself; the others have to be told.
 */
import type { Availability, Password, RefreshToken, RegistryClient } from './client.ts';
import { dockerConfig, keepRefreshToken } from './docker-config.ts';
import { goCommand, goProgramVersion } from './go-programs.ts';
import type { GoCommand, GoProgramName } from './go-programs.ts';
import { diffIdOf, layoutEntry, parseManifest, readLayoutBlob } from './image-files.ts';
import { LoadedLayouts } from './loaded-layouts.ts';
import type { Scratch } from './scratch.ts';

export interface LayoutClient extends RegistryClient {
  /** Any other command of this client. */
  readonly run: GoCommand;
}

interface Commands {
  readonly notFound: RegExp;
  login(host: string, password: Password): readonly string[];
  /** Without it, a refresh token is put where this client finds what docker's login left. */
  loginByRefreshToken?(host: string, refreshToken: RefreshToken): readonly string[];
  logout(host: string): readonly string[];
  /** Copies the image `image` of a layout to a reference. */
  push(folder: string, reference: string): readonly string[];
  /** Copies what a reference names into an empty layout. */
  pull(reference: string, folder: string): readonly string[];
}

export function startCrane(scratch: Scratch): Promise<Availability<LayoutClient>> {
  return startLayoutClient('crane', scratch, {
    notFound: /MANIFEST_UNKNOWN/,
    login: (host, { name, password }) => ['auth', 'login', '--username', name, '--password', password, host],
    logout: (host) => ['auth', 'logout', host],
    push: (folder, reference) => ['push', folder, reference],
    pull: (reference, folder) => ['pull', '--format=oci', reference, folder],
  });
}

export function startOras(scratch: Scratch): Promise<Availability<LayoutClient>> {
  return startLayoutClient('oras', scratch, {
    notFound: /not found/,
    login: (host, { name, password }) => ['login', '--plain-http', host, '--username', name, '--password', password],
    loginByRefreshToken: (host, { token }) => ['login', '--plain-http', host, '--identity-token', token],
    logout: (host) => ['logout', host],
    push: (folder, reference) => ['cp', '--from-oci-layout', `${folder}:image`, '--to-plain-http', reference],
    pull: (reference, folder) => ['cp', '--from-plain-http', reference, '--to-oci-layout', `${folder}:image`],
  });
}

export function startRegctl(scratch: Scratch): Promise<Availability<LayoutClient>> {
  return startLayoutClient('regctl', scratch, {
    notFound: /not found/,
    login: (host, { name, password }) => regctlLogin(host, name, password),
    loginByRefreshToken: (host, { token }) => regctlLogin(host, '<token>', token),
    logout: (host) => ['registry', 'logout', host],
    push: (folder, reference) => [...plainHttp(reference), 'image', 'copy', `ocidir://${folder}:image`, reference],
    pull: (reference, folder) => [...plainHttp(reference), 'image', 'copy', reference, `ocidir://${folder}:image`],
  });
}

function regctlLogin(host: string, user: string, pass: string): readonly string[] {
  return [...plainHttp(`${host}/`), 'registry', 'login', host, '--user', user, '--pass', pass];
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
  const layouts = new LoadedLayouts(name, scratch);
  const value: LayoutClient = {
    version: goProgramVersion(name),
    keepsManifest: true,
    notFound: commands.notFound,
    run,
    async login(host, credentials) {
      if (credentials.kind === 'password') await run(commands.login(host, credentials));
      else if (commands.loginByRefreshToken === undefined) keepRefreshToken(dockerConfig(scratch), host, credentials);
      else await run(commands.loginByRefreshToken(host, credentials));
    },
    async logout(host) {
      await run(commands.logout(host));
    },
    load: (image, reference) => layouts.load(image, reference),
    async push(reference) {
      const folder = layouts.folderOf(reference);
      const { output } = await run(commands.push(folder, reference));
      return { manifestDigest: layoutEntry(folder).digest, output };
    },
    forgetAll: () => layouts.forgetAll(),
    async pull(reference) {
      const folder = layouts.folderForPull();
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
