/** Whether anybody is there: the name, the connection, TLS. */
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { connect, isIP } from 'node:net';
import { describeError, systemErrorCode } from '../../standalone/start-failure.ts';
import { bareHost, isOnThisMachine } from './arguments.ts';
import { judgeCertificate } from './certificate.ts';
import { lookAtCertificate } from './tls-look.ts';
import { failed, ok, skipped, type Verdict } from './verdict.ts';
import type { Visit } from './visit.ts';

const PATIENCE_MS = 10_000;
const SHOWN_ADDRESSES = 4;

export async function checkName({ url }: Visit): Promise<Verdict> {
  const host = bareHost(url.hostname);
  if (isIP(host) !== 0) return skipped(`${host} is an address already`);
  try {
    const found = await lookup(host, { all: true });
    const addresses = found.slice(0, SHOWN_ADDRESSES).map(({ address }) => address);
    return ok(`${host} is ${addresses.join(', ')}${found.length > addresses.length ? ', …' : ''}`);
  } catch (error) {
    return failed(
      `the name ${host} is not known here (${systemErrorCode(error) ?? describeError(error)})`,
      'Look for a typing error; else give it an address in your DNS, or in /etc/hosts of each machine.',
    );
  }
}

export async function checkConnection({ url, signal }: Visit): Promise<Verdict> {
  const port = portOf(url);
  const socket = connect({ host: bareHost(url.hostname), port });
  try {
    await once(socket, 'connect', { signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]) });
    return ok(`something listens on port ${String(port)}`);
  } catch (error) {
    return noConnection(error, url);
  } finally {
    socket.destroy();
  }
}

function noConnection(error: unknown, { hostname }: URL): Verdict {
  // Of a name with several addresses, one failure each.
  const one: unknown = error instanceof AggregateError ? error.errors[0] : error;
  switch (systemErrorCode(one)) {
    case 'ECONNREFUSED':
      return failed(
        'nobody listens there',
        'Start the registry; else look at the port, and whether it listens on this address (npm start -- --host).',
      );
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return failed(`there is no way to ${hostname} from here`, 'Look at the network of this machine.');
    case 'ABORT_ERR':
      return failed(
        `no answer in ${String(PATIENCE_MS / 1_000)} seconds`,
        'A firewall on the way, or on the machine itself, swallows what is sent: open the port there.',
      );
    default:
      return failed(describeError(one), 'Look at the network.');
  }
}

export async function checkTls({ url, settings, signal }: Visit): Promise<Verdict> {
  if (url.protocol !== 'https:')
    return isOnThisMachine(url)
      ? ok('plain HTTP, to this machine')
      : ok(
          'plain HTTP',
          `Docker takes it only with "insecure-registries": ["${url.host}"] in /etc/docker/daemon.json (else: "server gave HTTP response to HTTPS client"), and everyone on the way can read the passwords.`,
        );
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
    return judgeCertificate(await lookAtCertificate(url, settings, limit), new Date());
  } catch (error) {
    return failed(
      `no TLS there (${systemErrorCode(error) ?? describeError(error)})`,
      `If it speaks plain HTTP: npm run doctor -- http://${url.host}. Else look at the log of what answers there.`,
    );
  }
}

function portOf({ port, protocol }: URL): number {
  if (port !== '') return Number(port);
  return protocol === 'https:' ? 443 : 80;
}
