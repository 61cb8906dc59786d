/** What clients are given so that they trust a registry's authority, and can show a certificate of their own: docs/deploy.md. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Issued } from '../../certificate-authority.ts';
import type { Trust } from '../clients/client.ts';
import type { Scratch } from '../clients/scratch.ts';

/** Folders that are empty yet: which port the registry has is known once it serves. */
export function emptyTrust(scratch: Scratch, host: string): Trust {
  const certsD = scratch.folder('certs.d');
  return { certsD, certificates: join(certsD, host), hosts: scratch.folder('hosts') };
}

/**
 * @param authority in PEM
 * @param own what the client shows; nothing without it
 */
export function writeTrust({ certificates, hosts }: Trust, host: string, authority: string, own?: Issued): void {
  mkdirSync(certificates, { recursive: true });
  const file = (name: string): string => join(certificates, name);
  writeFileSync(file('ca.crt'), authority);
  if (own !== undefined) {
    writeFileSync(file('client.cert'), own.certificate);
    writeFileSync(file('client.key'), own.key, { mode: 0o600 });
  }
  const folder = join(hosts, host);
  mkdirSync(folder, { recursive: true });
  const client = own === undefined ? [] : [`client = [["${file('client.cert')}", "${file('client.key')}"]]`];
  writeFileSync(
    join(folder, 'hosts.toml'),
    [`server = "https://${host}"`, `[host."https://${host}"]`, `ca = "${file('ca.crt')}"`, ...client, ''].join('\n'),
  );
}
