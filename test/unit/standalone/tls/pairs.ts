/** Files of TLS in a folder of the test's own, written as renewers write them. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { readMaterial, type Material, type TlsFiles } from '../../../../standalone/tls/material.ts';
import type { Issued } from '../../../certificate-authority.ts';

export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), 'berth-tls-'));
  readonly files: TlsFiles & { readonly clientCa: string } = {
    cert: join(this.path, 'cert.pem'),
    key: join(this.path, 'key.pem'),
    clientCa: join(this.path, 'clients.pem'),
  };

  constructor() {
    onTestFinished(() => {
      rmSync(this.path, { recursive: true });
    });
  }

  writeCertificate(text: string): void {
    writeFileSync(this.files.cert, text);
  }

  writeKey(text: string): void {
    writeFileSync(this.files.key, text);
    chmodSync(this.files.key, 0o600);
  }

  write({ certificate, key }: Issued, intermediates = ''): void {
    this.writeCertificate(certificate + intermediates);
    this.writeKey(key);
  }

  /** @param clientCa who signs certificates of clients; nobody needs one without it */
  material(issued: Issued, clientCa?: string): Material {
    this.write(issued);
    if (clientCa !== undefined) writeFileSync(this.files.clientCa, clientCa);
    return materialOf(clientCa === undefined ? this.plainFiles : this.files);
  }

  /** Where no client needs a certificate. */
  get plainFiles(): TlsFiles {
    return { ...this.files, clientCa: undefined };
  }
}

export function materialOf(files: TlsFiles): Material {
  const read = readMaterial(files);
  if (read.kind === 'problem') throw new Error(read.message);
  return read.value;
}

/** Undefined where there is nothing wrong. */
export function problemWith(files: TlsFiles): string | undefined {
  const read = readMaterial(files);
  return read.kind === 'problem' ? read.message : undefined;
}
