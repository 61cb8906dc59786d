/** The TCP sockets of processes, as Linux tells them in /proc (proc(5)). */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** As /proc/net/tcp has them. */
const STATES = { connected: '01', listening: '0A' } as const;

export interface TcpSocket {
  readonly port: number;
  /** The port at the other end; 0 of one that listens. */
  readonly peer: number;
}

/** Those of IPv4 that are in this state. */
export function tcpSockets(pids: readonly number[], wanted: keyof typeof STATES): TcpSocket[] {
  const sockets = new Set(pids.flatMap(socketsOf));
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1);
  return lines.flatMap((line) => {
    const [, local = '', remote = '', state, , , , , , inode = ''] = line.trim().split(/\s+/);
    return state === STATES[wanted] && sockets.has(inode) ? [{ port: portOf(local), peer: portOf(remote) }] : [];
  });
}

function socketsOf(pid: number): string[] {
  const folder = `/proc/${String(pid)}/fd`;
  return readdirSync(folder).flatMap((name) => {
    try {
      return [/^socket:\[(\d+)\]$/.exec(readlinkSync(`${folder}/${name}`))?.[1] ?? ''];
    } catch {
      // It was closed in between.
      return [];
    }
  });
}

function portOf(address: string): number {
  return Number.parseInt(address.split(':')[1] ?? '', 16);
}
