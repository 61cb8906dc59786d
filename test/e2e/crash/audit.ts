/** Compares what is served with what the clients were told. Throws at the first thing that is not as it must be. */
import { readdirSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import type { Ledger } from './ledger.ts';
import type { Seeded } from './seeded.ts';
import { expectStatus, SessionClient } from './session-client.ts';
import type { UnstableBerth } from './unstable-berth.ts';
import { Wire } from './wire.ts';

/** What was looked at, so that nobody takes an empty run for a good one. */
export interface Audit {
  blobs: number;
  bytes: number;
  manifests: number;
  tags: number;
  absent: number;
  finished: number;
  cancelled: number;
}

export async function audit(berth: UnstableBerth, ledger: Ledger, random: Seeded): Promise<Audit> {
  const wire = new Wire(berth);
  const seen: Audit = { blobs: 0, bytes: 0, manifests: 0, tags: 0, absent: 0, finished: 0, cancelled: 0 };
  for (const repository of ledger.repositories) {
    await auditAbsent(wire, ledger, repository, seen);
    await auditBlobs(wire, ledger, repository, seen);
    await auditManifests(wire, ledger, repository, seen);
  }
  await endSessions(wire, ledger, random, seen);
  return seen;
}

async function get(wire: Wire, path: string): Promise<{ status: number; body: Buffer }> {
  const answer = await wire.send({ method: 'GET', path });
  if (answer === undefined) throw new Error(`GET ${path} has no answer, though nothing was killed`);
  return answer;
}

/** Before any session is finished: that makes content complete which was not. */
async function auditAbsent(wire: Wire, ledger: Ledger, repository: string, seen: Audit): Promise<void> {
  for (const digest of ledger.never(repository)) {
    const path = `/v2/${repository}/blobs/${digest}`;
    const { status } = await get(wire, path);
    if (status !== 404) throw new Error(`GET ${path} is answered ${status}, though no push of it was ever completed`);
    seen.absent += 1;
  }
}

async function auditBlobs(wire: Wire, ledger: Ledger, repository: string, seen: Audit): Promise<void> {
  for (const { digest, bytes } of ledger.blobs(repository)) {
    const path = `/v2/${repository}/blobs/${digest}`;
    const { status, body } = await get(wire, path);
    if (status !== 200) throw new Error(`GET ${path} is answered ${status}, though its push was acknowledged`);
    if (!body.equals(bytes)) throw new Error(`GET ${path} has other bytes than were pushed`);
    seen.blobs += 1;
    seen.bytes += body.byteLength;
  }
}

async function auditManifests(wire: Wire, ledger: Ledger, repository: string, seen: Audit): Promise<void> {
  for (const { digest, bytes } of ledger.manifests(repository)) {
    const path = `/v2/${repository}/manifests/${digest}`;
    const { status, body } = await get(wire, path);
    if (status !== 200) throw new Error(`GET ${path} is answered ${status}, though its push was acknowledged`);
    if (!body.equals(bytes)) throw new Error(`GET ${path} has other bytes than were pushed`);
    seen.manifests += 1;
  }
  const listed = await listedTags(wire, repository);
  for (const [tag, { acknowledged, inFlight }] of ledger.tags(repository)) {
    const path = `/v2/${repository}/manifests/${tag}`;
    const { status, body } = await get(wire, path);
    const allowed = [...inFlight, ...(acknowledged === undefined ? [] : [acknowledged])];
    const found = status === 200 && allowed.some(({ bytes }) => body.equals(bytes));
    const absent = status === 404 && acknowledged === undefined;
    if (!found && !absent) {
      throw new Error(
        `GET ${path} is answered ${status} with none of ${allowed.map(({ digest }) => digest).join(', ')}`,
      );
    }
    if (listed.delete(tag) !== found) throw new Error(`the list of tags of ${repository} is wrong about ${tag}`);
    seen.tags += 1;
  }
  if (listed.size > 0) throw new Error(`${repository} lists tags that nobody pushed: ${[...listed].join(', ')}`);
}

async function listedTags(wire: Wire, repository: string): Promise<Set<string>> {
  const { status, body } = await get(wire, `/v2/${repository}/tags/list`);
  if (status === 404) return new Set();
  const document: unknown = JSON.parse(body.toString());
  const tags = typeof document === 'object' && document !== null && 'tags' in document ? document.tags : undefined;
  if (!Array.isArray(tags)) throw new Error(`the list of tags of ${repository} is no list`);
  return new Set(tags.map(String));
}

/** Every session that was left can be finished, and then its blob is right, or cancelled. */
async function endSessions(wire: Wire, ledger: Ledger, random: Seeded, seen: Audit): Promise<void> {
  const client = new SessionClient(wire, random, ledger);
  for (const session of [...ledger.sessions]) {
    const { repository, blob } = session;
    if ((await client.ask(session)) === 'gone') {
      ledger.sessions.delete(session);
    } else if (random.chance(0.5) && (await client.cancel(session))) {
      seen.cancelled += 1;
    } else {
      if (!(await client.finish(session, 'chunks'))) throw new Error(`${session.path} ended without its blob`);
      const answer = await wire.send({ method: 'GET', path: `/v2/${repository}/blobs/${blob.digest}` });
      if (answer === undefined) throw new Error(`${blob.digest} can't be read`);
      expectStatus(answer, [200], `GET of ${blob.digest}, which was just finished`);
      if (!answer.body.equals(blob.bytes)) throw new Error(`${blob.digest} has other bytes than were pushed`);
      seen.finished += 1;
    }
  }
}

/** Nobody listens on the port, and no process has a file of the data open. */
export async function nothingIsHeld(port: number, data: string): Promise<void> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
  const holders = processIds().filter((pid) => openFiles(pid).some((file) => file.startsWith(`${data}/`)));
  if (holders.length > 0) throw new Error(`${data} is held open by ${holders.join(', ')}`);
}

/** None where there is no /proc. */
function processIds(): string[] {
  return listing('/proc').filter((name) => /^\d+$/.test(name));
}

/** None of a process that has just ended, or that is somebody else's. */
function openFiles(pid: string): string[] {
  return listing(`/proc/${pid}/fd`).map((descriptor) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${descriptor}`);
    } catch {
      return '';
    }
  });
}

function listing(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
