/**
 * What `npm start` says once it serves: where, with which data, who may do what, and what to type next. It names no
 * command that would be refused.
 */
import { isIPv6 } from 'node:net';
import { hostname } from 'node:os';
import type { Doubt } from './doubtful-settings.ts';
import { exposureWarnings, isLoopback, rightsAt } from './exposure.ts';
import type { Access } from './exposure.ts';
import type { Terminal } from './terminal.ts';

export interface Serving {
  readonly version: string;
  readonly url: string;
  /** As it was asked for: `0.0.0.0` listens on every address and can't be typed as one. */
  readonly host: string;
  /** The absolute path. */
  readonly data: string;
  readonly workerdPid: number;
  readonly access: Access;
  readonly doubts: readonly Doubt[];
}

const EVERY_ADDRESS: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

export function announce(
  serving: Serving,
  environment: Readonly<Record<string, string | undefined>>,
  terminal: Terminal,
): void {
  const { version, url, host, data, workerdPid, access, doubts } = serving;
  terminal.notice({
    level: 'info',
    event: 'serving',
    message: `Berth ${version} serves ${url} and keeps its data in ${data}`,
    fields: { url, data, pid: process.pid, workerdPid },
    hints: hints(serving),
    isFirst: true,
  });
  for (const { event, message } of [...exposureWarnings(host, access, environment), ...doubts])
    terminal.notice({ level: 'warn', event, message, fields: { url } });
}

function hints({ url, host, access }: Serving): string[] {
  const { name, remark } = nameToType(url, host);
  const commands = COMMANDS[rightsAt(host, access)](name);
  if (commands.length === 0) return [];
  return [
    ...commands,
    ...(remark === undefined ? [] : [remark]),
    ...trustHints(url, host, name),
    ...(rightsAt(host, access) !== 'by-policy' && access.openLoopback
      ? [
          'Open to this machine only. Do not let a tunnel or proxy forward to this port: whoever comes through is let in.',
        ]
      : []),
  ];
}

/** docker speaks plain HTTP to loopback addresses alone, and there takes any certificate. */
function trustHints(url: string, host: string, name: string): string[] {
  if (url.startsWith('https:')) return ['Clients have to trust the authority of its certificate: docs/deploy.md'];
  if (isLoopback(host)) return [];
  return [`Docker wants TLS there, or "${name}" under "insecure-registries": docs/deploy.md`];
}

/** The registry's name in a command. Docker 20.10, podman 4.3 and skopeo 1.9 take no IPv6 address in one. */
function nameToType(url: string, host: string): { readonly name: string; readonly remark?: string } {
  const { host: address, port } = new URL(url);
  if (EVERY_ADDRESS.has(host))
    return { name: `${hostname()}:${port}`, remark: `An IP address of this machine does as well as ${hostname()}.` };
  if (!isIPv6(host)) return { name: address };
  const name = isLoopback(host) ? 'localhost' : hostname();
  return {
    name: `${name}:${port}`,
    remark: `${name} has to lead to ${host}: many clients take no IPv6 address in the name of an image.`,
  };
}

const COMMANDS: Record<ReturnType<typeof rightsAt>, (registry: string) => string[]> = {
  none: () => [],
  'by-token': (registry) => ['The token server says who may do what. Sign in:', `  docker login ${registry}`],
  'by-policy': (registry) => ['The policy says who may do what. Sign in:', `  docker login ${registry}`],
  read: (registry) => ['Pull what is there:', `  docker pull ${registry}/NAME`],
  'read-write': (registry) => [
    'Push something:',
    '  docker pull alpine',
    `  docker tag alpine ${registry}/alpine`,
    `  docker push ${registry}/alpine`,
  ],
};
