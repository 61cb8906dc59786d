/** The registries that are compared: how each is started, and which version it is. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NODE_FLAGS, PROGRAM } from '../../standalone/node-flags.ts';
import { Authority } from '../../test/certificate-authority.ts';
import { versionOf } from './command.ts';
import type { PeerOptions } from './options.ts';
import type { ServerKind } from './server.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const CONFIGURATION = join(import.meta.dirname, 'distribution.yml');
/** Of Debian's package docker-registry. */
const DEBIAN_PROGRAM = '/usr/bin/docker-registry';

/** The program behind `npm start`, with nothing configured. */
export function berthKind(settings: Readonly<Record<string, string>> = {}): ServerKind {
  return {
    name: 'Berth',
    version: 'as in this checkout',
    command: (folder, port) => ({
      words: [
        ...[process.execPath, ...NODE_FLAGS, join(ROOT, PROGRAM)],
        ...['--port', String(port), '--data', join(folder, 'data')],
      ],
      environment: { ...outerEnvironment(), ...settings },
    }),
  };
}

/** Debian's distribution, and the other builds that were asked for. */
export async function peerKinds(others: PeerOptions['peer']): Promise<ServerKind[]> {
  const kinds = [await debianKind()];
  for (const { name, program } of others) kinds.push(await distributionKind(name, program));
  return kinds;
}

function debianKind(): Promise<ServerKind> {
  return distributionKind('distribution', DEBIAN_PROGRAM);
}

export function versionsOf(kinds: readonly ServerKind[]): Record<string, string> {
  return Object.fromEntries(kinds.map(({ name, version }) => [name, version]));
}

/** @param program any build of distribution; it is configured as Debian configures its own. */
async function distributionKind(name: string, program: string): Promise<ServerKind> {
  return {
    name,
    version: await versionOf(program),
    command: (folder, port) => {
      const file = join(folder, 'configuration.yml');
      const text = readFileSync(CONFIGURATION, 'utf8');
      // Quoted as JSON, which YAML reads.
      const root = JSON.stringify(join(folder, 'data'));
      writeFileSync(file, text.replace('ROOT_DIRECTORY', () => root).replace(':PORT', `:${port}`));
      return {
        words: [program, 'serve', file],
        // From version 3 on it would look for somebody who collects its traces.
        environment: { ...outerEnvironment(), OTEL_TRACES_EXPORTER: 'none' },
      };
    },
  };
}

/** Without settings of Berth, and without what npm sets for its own child. */
export function outerEnvironment(): NodeJS.ProcessEnv {
  const inner = (name: string): boolean =>
    name.toLowerCase().startsWith('npm_') || name.startsWith('BERTH_') || name === 'NODE_ENV';
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !inner(name)));
}

/** The same registries, which speak TLS with a certificate that is made for this run. */
export function speakingTls(kinds: readonly ServerKind[], workspace: string): ServerKind[] {
  const authority = Authority.root();
  const { certificate, key } = authority.issue({ name: 'bench', hosts: ['127.0.0.1'] });
  const [certFile, keyFile] = [join(workspace, 'cert.pem'), join(workspace, 'key.pem')];
  writeFileSync(certFile, certificate);
  writeFileSync(keyFile, key, { mode: 0o600 });
  // Each knows one of these, and the other's mean nothing to it.
  const environment = {
    BERTH_TLS_CERT: certFile,
    BERTH_TLS_KEY: keyFile,
    REGISTRY_HTTP_TLS_CERTIFICATE: certFile,
    REGISTRY_HTTP_TLS_KEY: keyFile,
  };
  return kinds.map((kind) => ({
    ...kind,
    authority: authority.certificate,
    command: (folder, port) => {
      const command = kind.command(folder, port);
      return { ...command, environment: { ...command.environment, ...environment } };
    },
  }));
}
