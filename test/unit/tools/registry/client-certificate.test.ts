/** A certificate of the client's: who is shown it, and which files will not do. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import * as v from 'valibot';
import { expect, onTestFinished, test } from 'vitest';
import { Connections } from '../../../../tools/registry/exchange.ts';
import { readClientCertificate } from '../../../../tools/doctor/client-certificate.ts';
import { Authority, type Issued } from '../../../certificate-authority.ts';

const authority = Authority.root();
const own = authority.issue({ name: 'a client' });

/** Answers with the name in the certificate that it was shown. */
async function curiousServer(): Promise<URL> {
  const { certificate, key } = authority.issue({ name: 'registry.example', hosts: ['127.0.0.1'] });
  const options = { cert: certificate, key, ca: authority.certificate, requestCert: true, rejectUnauthorized: false };
  const server = createServer(options, ({ socket }, answer) => {
    answer.end(socket instanceof TLSSocket ? String(socket.getPeerX509Certificate()?.subject) : '');
  }).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  const { port } = v.parse(v.object({ port: v.number() }), server.address());
  return new URL(`https://127.0.0.1:${String(port)}`);
}

async function shownTo(connections: Connections, url: URL): Promise<string> {
  const sent = await connections.send({ method: 'GET', url, headers: {}, signal: new AbortController().signal });
  if (!sent.ok) throw new Error(sent.failure.reason);
  const body = await sent.value.bytes(1_000);
  return body.ok ? body.value.toString() : '';
}

test('it is shown to the registry, and to no server that the registry leads to', async () => {
  const [registry, other] = [await curiousServer(), await curiousServer()];
  const connections = new Connections('a test', {
    ca: [authority.certificate],
    certificate: { cert: own.certificate, key: own.key },
    origin: registry.origin,
  });
  expect(await shownTo(connections, registry)).toBe('CN=a client');
  expect(await shownTo(connections, other)).toBe('undefined');
});

test('files that are no pair, or none at all, are told in one line with their paths', () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-doctor-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const written = ({ certificate, key }: Issued, name: string): { cert: string; key: string } => {
    const files = { cert: join(folder, `${name}.pem`), key: join(folder, `${name}-key.pem`) };
    writeFileSync(files.cert, certificate);
    writeFileSync(files.key, key, { mode: 0o600 });
    return files;
  };
  const one = written(own, 'one');
  const other = written(authority.issue({ name: 'another' }), 'other');
  expect(readClientCertificate(one)).toEqual({ cert: own.certificate, key: own.key });
  for (const key of [other.key, join(folder, 'none')]) {
    const read = (): unknown => readClientCertificate({ cert: one.cert, key });
    expect(read).toThrow(`--cert ${one.cert} with --key ${key} will not do: `);
  }
});
