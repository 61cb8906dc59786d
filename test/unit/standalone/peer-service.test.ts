/** Where the Worker asks for the address of a client (standalone/peer-service.ts). */
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import * as v from 'valibot';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Peers } from '../../../standalone/peers.ts';
import { servePeers, type PeerService } from '../../../standalone/peer-service.ts';

let root: string;
let peers: Peers;
let service: PeerService;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'berth-peers-'));
  peers = new Peers();
  service = await servePeers(peers, root);
});
afterEach(() => {
  service.close();
  rmSync(root, { recursive: true });
});

async function ask(path: string, method = 'GET'): Promise<string> {
  const asked = request({ socketPath: service.path, path, method, agent: false }).end();
  const [answer] = v.parse(v.tuple([v.instance(IncomingMessage)]), await once(asked, 'response'));
  return `${String(answer.statusCode)} ${await text(answer)}`;
}

it('tells who is at the other end of a connection, and for a while of one that has ended', async () => {
  const end = peers.add(40_000, '::ffff:192.0.2.7');
  expect(await ask('/known/40000')).toBe('200 192.0.2.7');
  expect(await ask('/live/40000')).toBe('200 192.0.2.7');
  end();
  expect(await ask('/known/40000')).toBe('200 192.0.2.7');
  // Another program of this machine may have its port by now.
  expect(await ask('/live/40000')).toBe('404 ');
  peers.add(40_000, '2001:db8::7');
  // The end of one that had its port before, and comes late, is none of its own.
  end();
  expect(await ask('/live/40000')).toBe('200 2001:db8::7');
});

it('takes no client for the one that had its port before', async () => {
  peers.add(40_000, '192.0.2.7')();
  peers.add(40_000, undefined)();
  expect(await ask('/known/40000')).toBe('404 ');
});

it('knows a client of the link by its address alone', async () => {
  peers.add(40_000, 'fe80::1%eth0');
  expect(await ask('/live/40000')).toBe('200 fe80::1');
});

it.each([
  '/known/40001',
  '/live/40001',
  '/',
  '/40000',
  '/known/x',
  '/known/40000/',
  '/known/040000',
  '/known/-1',
  '//known/40000',
])('knows nobody by %s', async (path) => {
  peers.add(40_000, '192.0.2.7');
  expect(await ask(path)).toBe('404 ');
});

it('lies in the data directory, and is gone when it is closed', () => {
  expect(service.path).toBe(join(root, 'peers.socket'));
  expect(statSync(service.path).isSocket()).toBe(true);
  service.close();
  expect(existsSync(service.path)).toBe(false);
});
