/**
 * Whether Berth answers, for a container's HEALTHCHECK: exit code 0 or 1, and one line. Goes by the environment that Berth
 * itself was started with, and asks from inside; what clients see from outside, TLS chain and all, `npm run doctor` checks.
 */
import { request as http } from 'node:http';
import { request as https } from 'node:https';

const PATIENCE_MS = 5_000;
const EVERY_ADDRESS = ['0.0.0.0', '::', 'localhost'];

const { BERTH_HOST: host = '127.0.0.1', BERTH_PORT: port = '8787' } = process.env;
const { BERTH_TLS_CERT: certificate, BERTH_TLS_CLIENT_CA: clientCa } = process.env;
const hostname = EVERY_ADDRESS.includes(host) ? '127.0.0.1' : host;
const isTls = isGiven(certificate);

// The certificate names the registry as clients know it, and here it is asked by its address.
const asked = (isTls ? https : http)({
  ...{ hostname, port, path: '/healthz', timeout: PATIENCE_MS, rejectUnauthorized: false },
});
asked.on('response', (answer) => {
  answer.resume();
  // Where clients have to bring a certificate, this one is refused for want of it, and that is an answer.
  const isWell = answer.statusCode === 200 || (isTls && isGiven(clientCa));
  end(isWell, `/healthz answers ${answer.statusCode}`);
});
asked.on('timeout', () => end(false, `no answer in ${PATIENCE_MS} ms`));
asked.on('error', (error) => end(false, error.message));
asked.end();

function isGiven(value) {
  return value !== undefined && value !== '';
}

function end(isWell, text) {
  process.stdout.write(`${text}\n`);
  process.exit(isWell ? 0 : 1);
}
