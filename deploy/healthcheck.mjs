/**
 * Whether Berth answers, for a container's HEALTHCHECK: exit code 0 or 1, and one line. Goes by the environment that Berth
 * itself was started with, and asks from inside; what clients see from outside, TLS chain and all, `npm run doctor` checks.
 */
import { request as http } from 'node:http';
import { request as https } from 'node:https';

const PATIENCE_MS = 5_000;
const EVERY_ADDRESS = ['0.0.0.0', '::', 'localhost'];
const LOOPBACK = '127.0.0.1';
const DEFAULT_PORT = '8787';

const host = setting('BERTH_HOST')?.replace(/^\[(.*)\]$/, '$1') ?? LOOPBACK;
const port = setting('BERTH_PORT') ?? DEFAULT_PORT;
const hostname = EVERY_ADDRESS.includes(host) ? LOOPBACK : host;
const isTls = setting('BERTH_TLS_CERT') !== undefined;
// Where clients have to bring a certificate, this one is refused for want of it, and that is an answer.
const wellStatuses = isTls && setting('BERTH_TLS_CLIENT_CA') !== undefined ? [200, 403] : [200];
const urlHost = hostname.includes(':') ? `[${hostname}]` : hostname;
const url = `${isTls ? 'https' : 'http'}://${urlHost}:${port}/healthz`;

// The certificate names the registry as clients know it, and here it is asked by its address.
const asked = (isTls ? https : http)({
  ...{ hostname, port, path: '/healthz', timeout: PATIENCE_MS, rejectUnauthorized: false },
});
asked.on('response', (answer) => {
  answer.resume();
  end(wellStatuses.includes(answer.statusCode), `${url} answers ${answer.statusCode}`);
});
asked.on('timeout', () => end(false, `${url}: no answer in ${PATIENCE_MS} ms`));
asked.on('error', (error) => end(false, `${url}: ${error.message}`));
asked.end();

/** An empty one is unset, as for Berth. */
function setting(name) {
  const value = process.env[name];
  return value === '' ? undefined : value;
}

function end(isWell, text) {
  process.stdout.write(`${text}\n`);
  process.exit(isWell ? 0 : 1);
}
