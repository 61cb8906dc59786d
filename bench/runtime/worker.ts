/**
 * The smallest Worker that a client can push to and pull from, on plain files: what is left of a registry when all is left
 * out that is no I/O. It says how fast Berth could be at most on this runtime, so it shares nothing with Berth but the file
 * service of `npm start`, and keeps none of its promises beyond the three commits of an acknowledged push.
 *
 *   GET blob             the disk service answers
 *   GET, HEAD manifest   one call to the repository's object, one query
 *   HEAD blob            the same
 *   POST                 an id, and nothing else
 *   PATCH                through the repository's object to the file service (bodies.ts)
 *   PUT                  a journal row is committed; the file is written, synced and named; the directory's object commits
 *                        where the blob lies; the link is committed. A whole body goes from the client to the file service,
 *                        which hashes it
 */
import { createHash } from 'node:crypto';
import type * as workers from '@cloudflare/workers-types';
import { Bodies, demand, type Body } from './bodies.ts';

// The bench is checked with Node's types; what runs here are workerd's.
declare const Response: typeof workers.Response;

interface Bindings {
  readonly FILES: workers.Fetcher;
  readonly DISK: workers.Fetcher;
  readonly REPOSITORY: workers.DurableObjectNamespace;
  readonly DIRECTORY: workers.DurableObjectNamespace;
}

interface Row extends Record<string, workers.SqlStorageValue> {
  readonly type: string;
  readonly digest: string;
  readonly size: number;
  readonly bytes: ArrayBuffer;
}

export default {
  async fetch(request: workers.Request, { FILES, DISK, REPOSITORY }: Bindings): Promise<workers.Response> {
    const { pathname, searchParams } = new URL(request.url);
    const [, name, kind, rest = ''] = /^\/v2\/(.+)\/(blobs|manifests)\/(.*)$/.exec(pathname) ?? [];
    if (name === undefined) return new Response(null);
    const { method, body } = request;
    if (method === 'GET' && kind === 'blobs') return DISK.fetch(`http://disk/${keyOf(rest).slice('blobs/'.length)}`);
    if (method === 'POST') return accepted(name, crypto.randomUUID());
    const repository = REPOSITORY.get(REPOSITORY.idFromName(name));
    const digest = searchParams.get('digest');
    const length = request.headers.get('content-length') ?? '0';
    if (method !== 'PUT' || digest === null || body === null || length === '0') return repository.fetch(request);
    await repository.fetch(`http://repository/begin?digest=${digest}`);
    const target = `http://files/objects/${keyOf(digest)}?length=${length}&sha256=${hexOf(digest)}`;
    await demand(await FILES.fetch(target, { method: 'PUT', body }));
    return repository.fetch(`http://repository/link?digest=${digest}&size=${length}`);
  },
};

/** Links, journal, manifests and the bodies of `PATCH` of one repository. */
export class Repository {
  readonly #sql: workers.SqlStorage;
  readonly #directory: workers.DurableObjectNamespace;
  readonly #bodies: Bodies;
  readonly #sessions = new Map<string, Body>();

  constructor({ storage }: workers.DurableObjectState, { FILES, DIRECTORY }: Bindings) {
    this.#bodies = new Bodies(FILES);
    this.#directory = DIRECTORY;
    this.#sql = storage.sql;
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS journal (digest TEXT PRIMARY KEY) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS links (digest TEXT PRIMARY KEY, size INTEGER) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS manifests (tag TEXT PRIMARY KEY, type TEXT, digest TEXT, size INTEGER, bytes BLOB);
    `);
  }

  async fetch(request: workers.Request): Promise<workers.Response> {
    const { pathname, searchParams } = new URL(request.url);
    const [, , name = '', kind, last = ''] =
      /^\/(v2\/(.+)\/)?(begin|link|blobs|manifests)\/?(.*)$/.exec(pathname) ?? [];
    const digest = searchParams.get('digest') ?? '';
    switch (`${request.method} ${kind ?? ''}`) {
      case 'GET begin':
        this.#begin(digest);
        return new Response(null);
      case 'GET link':
        return this.#link(digest, Number(searchParams.get('size')));
      case 'HEAD blobs':
        return this.#head(last);
      case 'PATCH blobs':
        if (request.body !== null) this.#sessions.set(idIn(last), await this.#bodies.take(request.body));
        return accepted(name, idIn(last));
      case 'PUT blobs':
        return this.#close(idIn(last), digest);
      case 'PUT manifests':
        return this.#tag(last, request.headers.get('content-type') ?? '', await request.arrayBuffer());
      case 'GET manifests':
      case 'HEAD manifests':
        return this.#manifest(last, request.method === 'GET');
      default:
        return new Response(null, { status: 404 });
    }
  }

  #begin(digest: string): void {
    this.#sql.exec('INSERT OR IGNORE INTO journal VALUES (?)', digest);
  }

  async #link(digest: string, size: number): Promise<workers.Response> {
    const directory = this.#directory.get(this.#directory.idFromName('directory'));
    await demand(await directory.fetch(`http://directory/?digest=${digest}&size=${size}`));
    this.#sql.exec('INSERT OR IGNORE INTO links VALUES (?, ?)', digest, size);
    this.#sql.exec('DELETE FROM journal WHERE digest = ?', digest);
    return new Response(null, { status: 201 });
  }

  #head(digest: string): workers.Response {
    const [found] = this.#sql.exec<{ size: number }>('SELECT size FROM links WHERE digest = ?', digest).toArray();
    if (found === undefined) return new Response(null, { status: 404 });
    return new Response(null, { headers: { 'content-length': String(found.size) } });
  }

  async #close(id: string, digest: string): Promise<workers.Response> {
    const body = this.#sessions.get(id);
    if (body?.hash.digest('hex') !== hexOf(digest)) return new Response(null, { status: 400 });
    this.#begin(digest);
    await this.#bodies.name(body, keyOf(digest));
    this.#sessions.delete(id);
    return this.#link(digest, body.size);
  }

  #tag(tag: string, type: string, bytes: ArrayBuffer): workers.Response {
    const digest = `sha256:${createHash('sha256').update(new Uint8Array(bytes)).digest('hex')}`;
    this.#sql.exec(
      'INSERT OR REPLACE INTO manifests VALUES (?, ?, ?, ?, ?)',
      tag,
      type,
      digest,
      bytes.byteLength,
      bytes,
    );
    return new Response(null, { status: 201, headers: { 'docker-content-digest': digest } });
  }

  #manifest(tag: string, withBytes: boolean): workers.Response {
    const columns = withBytes ? '*' : 'type, digest, size';
    const [row] = this.#sql.exec<Row>(`SELECT ${columns} FROM manifests WHERE tag = ?`, tag).toArray();
    if (row === undefined) return new Response(null, { status: 404 });
    const headers = {
      'content-type': row.type,
      'docker-content-digest': row.digest,
      'content-length': String(row.size),
    };
    return new Response(withBytes ? row.bytes : null, { headers });
  }
}

/** Which file holds which blob, whatever the repository. */
export class Directory {
  readonly #sql: workers.SqlStorage;

  constructor({ storage }: workers.DurableObjectState) {
    this.#sql = storage.sql;
    this.#sql.exec('CREATE TABLE IF NOT EXISTS blobs (digest TEXT PRIMARY KEY, size INTEGER) WITHOUT ROWID');
  }

  fetch(request: workers.Request): workers.Response {
    const { searchParams } = new URL(request.url);
    this.#sql.exec('INSERT OR IGNORE INTO blobs VALUES (?, ?)', searchParams.get('digest'), searchParams.get('size'));
    return new Response(null);
  }
}

function accepted(name: string, id: string): workers.Response {
  return new Response(null, { status: 202, headers: { location: `/v2/${name}/blobs/uploads/${id}` } });
}

function idIn(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function hexOf(digest: string): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** As the file service lays its files out. */
function keyOf(digest: string): string {
  const hex = hexOf(digest);
  return `blobs/${hex.slice(0, 2)}/${hex}`;
}
