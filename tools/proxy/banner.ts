/** What the proxy says once it listens: where, for which registry, and the commands to type. Pure. */
import { isIPv6 } from 'node:net';
import { formatBytes } from '../../standalone/maintenance/progress.ts';

const MIB = 1024 * 1024;

export interface Listening {
  readonly version: string;
  readonly upstream: URL;
  readonly host: string;
  readonly port: number;
  readonly chunkBytes: number;
  readonly isOpen: boolean;
}

export function bannerOf({ version, upstream, host, port, chunkBytes, isOpen }: Listening): string[] {
  const address = `${isIPv6(host) ? `[${host}]` : host}:${String(port)}`;
  // Many clients take no IPv6 address in the name of an image.
  const name = isIPv6(host) ? `localhost:${String(port)}` : address;
  return [
    `Berth proxy ${version} listens on http://${address}, passes everything on to ${upstream.origin}, and cuts what is larger than ${sizeOf(chunkBytes)}`,
    'Push through it:',
    `  docker tag alpine ${name}/alpine`,
    `  docker push ${name}/alpine`,
    `Pull as ever: docker pull ${upstream.host}/alpine`,
    isOpen
      ? 'Open to every machine that reaches it: passwords come here over plain HTTP.'
      : 'Open to this machine only. It has no rights of its own: docker login ' + name,
  ];
}

/** As it is typed: `8 MiB` and `8 MB` are not the same. */
function sizeOf(bytes: number): string {
  return bytes % MIB === 0 ? `${String(bytes / MIB)} MiB` : formatBytes(bytes);
}
