/** A server before a registry with one trouble that servers in front of registries have. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

export interface Trouble {
  /** Makes it speak TLS. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** True when it answers by itself. */
  readonly intercept?: (incoming: IncomingMessage, outgoing: ServerResponse) => boolean;
  /** What becomes of an answer's header; undefined takes it away. */
  readonly header?: (name: string, value: string) => string | undefined;
  readonly date?: Date;
  /** It passes a request on when it has all of it. */
  readonly keepsUploadsBack?: boolean;
}

/** The address of the front, under the name `localhost`. */
export async function startFront(registryUrl: string, trouble: Trouble): Promise<string> {
  const registry = new URL(registryUrl);
  const pass = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    if (trouble.intercept?.(incoming, outgoing) === true) {
      incoming.resume();
      return;
    }
    if (trouble.keepsUploadsBack === true)
      buffer(incoming).then(
        (bytes) => ask(incoming, outgoing).end(bytes),
        () => outgoing.destroy(),
      );
    else incoming.pipe(ask(incoming, outgoing));
  };
  const ask = ({ method, url: path, headers }: IncomingMessage, outgoing: ServerResponse): ClientRequest => {
    const upstream = request({ host: registry.hostname, port: registry.port, method, path, headers }, (answer) => {
      for (const [name, value = ''] of Object.entries(answer.headers)) {
        const changed = trouble.header === undefined ? String(value) : trouble.header(name, String(value));
        if (changed !== undefined) outgoing.setHeader(name, changed);
      }
      if (trouble.date !== undefined) outgoing.setHeader('date', trouble.date.toUTCString());
      outgoing.writeHead(answer.statusCode ?? 0);
      answer.pipe(outgoing);
    });
    upstream.on('error', () => outgoing.destroy());
    outgoing.on('close', () => upstream.destroy());
    return upstream;
  };
  const { tls } = trouble;
  const server = tls === undefined ? createServer(pass) : createSecureServer(tls, pass);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the front has no port');
  return `${tls === undefined ? 'http' : 'https'}://localhost:${String(address.port)}`;
}

export interface Authority {
  /** The file with its certificate. */
  readonly file: string;
  issue(how?: { readonly name?: string; readonly days?: number }): { key: string; cert: string };
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'] as const;

/** A private certificate authority, made anew. */
export function makeAuthority(): Authority {
  const folder = mkdtempSync(join(tmpdir(), 'berth-authority-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const at = (name: string): string => join(folder, name);
  const ca = ['-subj', '/CN=Private CA', '-days', '3650', '-keyout', at('ca.key'), '-out', at('ca.pem')];
  openssl(['req', '-x509', ...KEY, ...ca]);
  return {
    file: at('ca.pem'),
    issue({ name = 'localhost', days = 365 } = {}) {
      writeFileSync(at('names'), `subjectAltName=DNS:${name}\n`);
      openssl(['req', ...KEY, '-subj', `/CN=${name}`, '-keyout', at('leaf.key'), '-out', at('leaf.csr')]);
      const signer = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-extfile', at('names')];
      openssl(['x509', '-req', '-in', at('leaf.csr'), ...signer, '-days', String(days), '-out', at('leaf.pem')]);
      return { key: readFileSync(at('leaf.key'), 'utf8'), cert: readFileSync(at('leaf.pem'), 'utf8') };
    },
  };
}

function openssl(words: readonly string[]): void {
  const { status, stderr } = spawnSync('openssl', words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}
