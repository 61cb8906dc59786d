/** The certificate that the doctor shows to a registry that wants one of its clients (--cert, --key). */
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { describeError, EXIT_USAGE, StartFailure } from '../../standalone/start-failure.ts';
import type { ClientCertificate } from '../registry/address.ts';

export interface ClientCertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** Throws StartFailure for what no handshake could use. */
export function readClientCertificate({ cert, key }: ClientCertificateFiles): ClientCertificate {
  try {
    const certificate = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
    // OpenSSL says whether they are PEM, and a pair.
    createSecureContext(certificate);
    return certificate;
  } catch (error) {
    throw new StartFailure(`--cert ${cert} with --key ${key} will not do: ${describeError(error)}`, {
      exitCode: EXIT_USAGE,
      cause: error,
    });
  }
}
