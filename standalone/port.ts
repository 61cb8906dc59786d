/** Asks for the port before anything is built or started, so that a taken one is told at once and in one line. */
import { once } from 'node:events';
import { createServer } from 'node:net';
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

/** None of them is a whole command: typed as it stands, that would serve without the other settings of this start. */
export function listenFailure(code: string | undefined, host: string, port: number, cause: unknown): StartFailure {
  switch (code) {
    case 'EADDRINUSE':
      return new StartFailure(`port ${String(port)} is taken; choose another: ${OTHER_PORT}`, { cause });
    case 'EACCES':
      return new StartFailure(
        `port ${String(port)} needs a right that you don't have: CAP_NET_BIND_SERVICE (docs/deploy.md). Or choose one from 1024 on: ${OTHER_PORT}`,
        { cause },
      );
    case 'EADDRNOTAVAIL':
      return new StartFailure(
        `${host} is not an address of this machine; choose another: --host ADDRESS or BERTH_HOST=ADDRESS`,
        { cause },
      );
    default:
      return new StartFailure(`can't listen on ${urlHost(host)}:${String(port)}: ${describeError(cause)}`, { cause });
  }
}

const OTHER_PORT = '--port N or BERTH_PORT=N';
