/** Asks for the port before anything is built or started, so that a taken one is told at once and in one line. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { HIGHEST_PORT } from './address.ts';
import { urlHost } from './exposure.ts';
import { describeError, StartFailure, systemErrorCode } from './start-failure.ts';

/** Throws StartFailure when nobody could listen there. The port is free again when the promise is fulfilled. */
export async function checkPort(host: string, port: number): Promise<void> {
  if (port === 0) return;
  const probe = createServer();
  try {
    probe.listen(port, host);
    await once(probe, 'listening');
  } catch (error) {
    throw listenFailure(systemErrorCode(error), host, port, error);
  }
  probe.close();
  await once(probe, 'close');
}

function portTaken(port: number, cause?: unknown): StartFailure {
  const other = port < HIGHEST_PORT ? port + 1 : port - 1;
  return new StartFailure(`port ${String(port)} is taken; npm start -- --port ${String(other)}`, { cause });
}

export function listenFailure(code: string | undefined, host: string, port: number, cause: unknown): StartFailure {
  switch (code) {
    case 'EADDRINUSE':
      return portTaken(port, cause);
    case 'EACCES':
      return new StartFailure(`port ${String(port)} needs rights that you don't have; npm start -- --port 8787`, {
        cause,
      });
    case 'EADDRNOTAVAIL':
      return new StartFailure(`${host} is not an address of this machine; npm start -- --host 127.0.0.1`, { cause });
    default:
      return new StartFailure(`can't listen on ${urlHost(host)}:${String(port)}: ${describeError(cause)}`, { cause });
  }
}
