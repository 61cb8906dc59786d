/** A request as it came goes to a registry, and its answer as it is comes back: neither header nor body changes. */
import { request, type IncomingMessage, type ServerResponse } from 'node:http';

/** @param answered is told the status before the client can see the answer: what it did is known once that has ended */
export function passThrough(
  registry: URL,
  path: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  answered: (status: number) => void,
): void {
  const { method, headers } = incoming;
  // The Host header stays the client's own, so that a registry's absolute Location leads back here.
  const upstream = request({ host: registry.hostname, port: registry.port, method, path, headers }, (answer) => {
    const status = answer.statusCode ?? 0;
    answered(status);
    outgoing.writeHead(status, answer.rawHeaders);
    answer.pipe(outgoing);
    answer.on('close', () => {
      // An answer that broke off must break off at the client as well.
      if (!answer.complete) outgoing.destroy();
    });
  });
  upstream.on('error', () => {
    outgoing.destroy();
  });
  outgoing.on('close', () => {
    if (!outgoing.writableFinished) upstream.destroy();
  });
  incoming.pipe(upstream);
}
