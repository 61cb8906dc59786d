/** Which files TLS is spoken with, which are refused, and which are served with a warning. */
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { chmodSync, truncateSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { materialDoubts } from '../../../../standalone/tls/material.ts';
import { Authority, type Issued, type Wanted } from '../../../certificate-authority.ts';
import { Folder, materialOf, problemWith } from './pairs.ts';

const HOST = 'registry.example.org';
const DAY_MS = 86_400_000;

const root = Authority.root();
const server: Wanted = { name: HOST, hosts: [HOST, '127.0.0.1'] };

function inDays(days: number): Date {
  return new Date(Date.now() + days * DAY_MS);
}

function doubts(issued: Issued, { chain = '', host }: { chain?: string; host?: string } = {}): string[] {
  const folder = new Folder();
  folder.write(issued, chain);
  return materialDoubts(materialOf(folder.plainFiles), folder.plainFiles, new Date(), host).map((doubt) =>
    doubt.replaceAll(`${folder.path}/`, ''),
  );
}

function problem(write: (folder: Folder) => void): string | undefined {
  const folder = new Folder();
  write(folder);
  return problemWith(folder.plainFiles)?.replaceAll(`${folder.path}/`, '');
}

describe('a pair', () => {
  it('is taken with its intermediates, and there is nothing to say of a good one', () => {
    const intermediate = root.intermediate();
    const issued = intermediate.issue({
      ...server,
      usages: ['server', 'client'],
      issuerUrl: 'http://ca.example/i.crt',
    });
    expect(doubts(issued, { chain: intermediate.certificate + root.certificate, host: HOST })).toEqual([]);
  });

  it('is refused where the key belongs to another certificate', () => {
    const told = problem((folder) => {
      folder.writeCertificate(root.issue(server).certificate);
      folder.writeKey(root.issue(server).key);
    });
    expect(told).toBe(
      `the key in key.pem does not belong to the certificate in cert.pem (CN=${HOST}): take both from the same renewal`,
    );
  });

  it('is refused where the chain does not begin with its certificate', () => {
    const { certificate, key } = root.issue(server);
    const told = problem((folder) => {
      folder.write({ certificate: root.certificate + certificate, key });
    });
    expect(told).toBe(
      'cert.pem does not begin with the certificate of key.pem: put that first, then its intermediates',
    );
  });

  it('is refused where the files are swapped', () => {
    const { certificate, key } = root.issue(server);
    const told = problem((folder) => {
      folder.write({ certificate: key, key: certificate });
    });
    expect(told).toBe('cert.pem holds a key and key.pem a certificate: --tls-cert and --tls-key are swapped');
  });

  it('is refused where a file is half written', () => {
    const told = (file: 'cert' | 'key') =>
      problem((folder) => {
        folder.write(root.issue(server));
        truncateSync(folder.files[file], 100);
      });
    expect(told('cert')).toMatch(/^cert\.pem holds no certificate in PEM/);
    expect(told('key')).toMatch(/^the key in key\.pem can't be read \(.*\)\. Copy it again, as a whole$/);
  });

  it('is refused where the key has a passphrase, and the message has nothing of the file', () => {
    const { certificate, key } = root.issue(server);
    const locked = createPrivateKey(key).export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'x',
    });
    const told = problem((folder) => {
      folder.write({ certificate, key: locked.toString() });
    });
    expect(told).toMatch(/^the key in key\.pem has a passphrase, .*openssl pkey -in key\.pem -out FILE takes it off$/);
  });

  it('is refused where a file is not there, or no certificate at all', () => {
    const { certificate, key } = root.issue(server);
    expect(
      problem((folder) => {
        folder.writeKey(key);
      }),
    ).toBe("--tls-cert cert.pem can't be read (ENOENT). Give the path of a file.");
    expect(
      problem((folder) => {
        folder.writeCertificate(certificate);
      }),
    ).toMatch(/^--tls-key key\.pem can't be read/);
    const other = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString();
    expect(
      problem((folder) => {
        folder.write({ certificate, key: other });
      }),
    ).toMatch(/^key\.pem holds no private key/);
  });

  it('is refused where what signs clients is no root', () => {
    const folder = new Folder();
    expect(() => folder.material(root.issue(server), root.issue({ name: 'a client' }).certificate)).toThrow(
      'holds no certificate of a root',
    );
    expect(() => folder.material(root.issue(server), root.intermediate().certificate)).toThrow(
      'no certificate of a root',
    );
    expect(folder.material(root.issue(server), root.certificate).clientCa).toBe(root.certificate);
  });
});

describe('a warning', () => {
  it('tells of dates', () => {
    const [expired] = doubts(root.issue({ ...server, from: inDays(-90), until: inDays(-1) }));
    expect(expired).toMatch(/^the certificate in cert\.pem has expired at .*: renew it/);
    const [early] = doubts(root.issue({ ...server, from: inDays(1) }));
    expect(early).toMatch(/^the certificate in cert\.pem is not valid before .*clock right\?$/);
    const [soon] = doubts(root.issue({ ...server, from: inDays(-77), until: inDays(13) }));
    expect(soon).toMatch(/^the certificate in cert\.pem expires at /);
    // Of six days, as public authorities give too, half are no reason.
    expect(doubts(root.issue({ ...server, from: inDays(-3), until: inDays(3) }))).toEqual([]);
  });

  it('tells of names that clients will not find', () => {
    expect(doubts(root.issue({ name: HOST }))).toEqual([
      'the certificate in cert.pem names no host as its subjectAltName, and clients look nowhere else: have one made that does',
    ]);
    expect(doubts(root.issue(server), { host: 'other.example.org' })).toEqual([
      `the certificate in cert.pem is not for other.example.org, where BERTH_PUBLIC_URL sends clients: it is for DNS:${HOST}, IP Address:127.0.0.1`,
    ]);
    expect(doubts(root.issue(server), { host: '127.0.0.1' })).toEqual([]);
  });

  it('tells of a certificate for clients', () => {
    expect(doubts(root.issue({ ...server, usages: ['client'] }))).toEqual([
      'the certificate in cert.pem is none for servers: have one made with extendedKeyUsage=serverAuth',
    ]);
  });

  it('tells of a wrong order', () => {
    const lower = root.intermediate('upper').intermediate('lower');
    expect(doubts(lower.issue(server), { chain: root.certificate + lower.certificate })).toEqual([
      `cert.pem has CN=test authority behind CN=${HOST}, which it has not signed: each certificate has to be followed by its issuer's`,
    ]);
  });

  it('tells of a missing intermediate, where a public authority says that there is one', () => {
    const intermediate = root.intermediate();
    const issuerUrl = 'http://ca.example/i.crt';
    expect(doubts(intermediate.issue({ ...server, issuerUrl }))).toEqual([
      `cert.pem ends with CN=${HOST} and lacks the certificate of its issuer: give the whole chain (certbot calls it fullchain.pem)`,
    ]);
    expect(doubts(intermediate.issue(server))).toEqual([]);
  });

  it('tells of a key that everybody may read', () => {
    const folder = new Folder();
    const material = folder.material(root.issue(server));
    chmodSync(folder.files.key, 0o644);
    expect(materialDoubts(material, folder.plainFiles, new Date())).toEqual([
      `everybody on this machine may read the key in ${folder.files.key}: chmod o-rwx ${folder.files.key}`,
    ]);
  });
});
