/** Every port that `npm start` opens, also those that Miniflare opens by itself: none may do more than serve the registry. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { expect, test } from 'vitest';
import { start } from './berths.ts';

/** The state of a listening socket in /proc/net/tcp. */
const LISTENING = '0A';

/** Ports on which one of these processes listens (Linux). */
function listeningPorts(pids: readonly number[]): number[] {
  const sockets = new Set(
    pids.flatMap((pid) => {
      const folder = `/proc/${String(pid)}/fd`;
      return readdirSync(folder).flatMap((name) => {
        try {
          return [/^socket:\[(\d+)\]$/.exec(readlinkSync(`${folder}/${name}`))?.[1] ?? ''];
        } catch {
          // It was closed in between.
          return [];
        }
      });
    }),
  );
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1);
  return lines.flatMap((line) => {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
    return state === LISTENING && sockets.has(inode) ? [Number.parseInt(local.split(':')[1] ?? '', 16)] : [];
  });
}

test.skipIf(process.platform !== 'linux')('no port writes files or lists objects for whoever asks', async () => {
  const berth = await start();
  const ports = listeningPorts([berth.pid, berth.workerdPid]);
  // The front, workerd's own, and those of Miniflare.
  expect(ports.length).toBeGreaterThanOrEqual(3);
  for (const port of ports) {
    for (const [method, path] of [
      ['POST', '/core/store-temp-file?extension=txt'],
      ['GET', '/core/do-storage/berth-Upload'],
      ['GET', '/browser/launch'],
    ] as const) {
      const body = method === 'POST' ? { body: 'x' } : {};
      const status = await fetch(`http://127.0.0.1:${String(port)}${path}`, { method, ...body }).then(
        (response) => response.status,
        () => 'refused',
      );
      expect([port, path, status]).not.toEqual([port, path, 200]);
    }
  }
});
