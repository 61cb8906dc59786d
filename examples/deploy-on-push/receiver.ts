/**
 * A worked example of a webhook's receiver: a push of one tag replaces one running container (README.md). It answers 200 where
 * the deployment is done, and 202 where it is written down and goes on: a pull may take longer than a webhook waits.
 */
import { createServer, type IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { Deployments } from './deployments.ts';
import { Engine } from './engine.ts';
import { isNewer, pushesOf, type Push } from './pushes.ts';
import { parseSecrets, signatureProblem } from './signature.ts';

const LARGEST_BODY_BYTES = 1024 * 1024;
/** Below the ten seconds after which Berth would ask again. */
const ANSWER_AFTER_MS = 5_000;
const REQUEST_LIMIT_MS = 10_000;
const REPOSITORY = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;

const log = (line: Readonly<Record<string, unknown>>): void => {
  console.log(JSON.stringify(line));
};

const secrets = parseSecrets(setting('DEPLOY_WEBHOOK_SECRET'));
if (secrets === undefined)
  refuse('DEPLOY_WEBHOOK_SECRET must be whsec_ and base64, or two of them with a space between');
const registry = setting('DEPLOY_REGISTRY');
const repository = setting('DEPLOY_REPOSITORY');
if (!REPOSITORY.test(repository)) refuse('DEPLOY_REPOSITORY must be a repository, as in team/app');
const tag = setting('DEPLOY_TAG', 'latest');
const service = setting('DEPLOY_SERVICE', repository.replaceAll('/', '-'));

const engine = new Engine({
  engine: words(setting('DEPLOY_ENGINE', 'podman')),
  pullOptions: words(setting('DEPLOY_PULL_OPTIONS', '')),
  runOptions: words(setting('DEPLOY_RUN_OPTIONS', '')),
  service,
  check: process.env['DEPLOY_CHECK'],
  upSeconds: Number(setting('DEPLOY_UP_SECONDS', '3')),
});
const version = await engine.version().catch((error: unknown) => {
  refuse(
    `${setting('DEPLOY_ENGINE', 'podman')} can't be run; install podman, or name another in DEPLOY_ENGINE: ${String(error)}`,
  );
});
const stateFile = setting('DEPLOY_STATE', `${service}.json`);
const deployments = new Deployments(engine, { image: `${registry}/${repository}`, service, stateFile, log });
await deployments.resume();

interface Answer {
  readonly status: number;
  readonly text: string;
}

const server = createServer((request, response) => {
  receive(request)
    .catch((error: unknown): Answer => {
      // The state could not be written, or the sender went away: Berth asks again.
      log({ event: 'request failed', message: String(error) });
      return { status: 503, text: 'try again' };
    })
    .then(({ status, text }) => {
      // What is left of a body that is too long is not read.
      const headers = { 'content-type': 'text/plain', ...(status === 413 ? { connection: 'close' } : {}) };
      response.writeHead(status, headers).end(`${text}\n`);
    })
    .catch(() => response.destroy());
});
server.requestTimeout = REQUEST_LIMIT_MS;
server.listen(Number(setting('DEPLOY_PORT', '9000')), setting('DEPLOY_HOST', '127.0.0.1'), () => {
  const listening = server.address();
  if (listening === null || typeof listening === 'string') throw new Error('it listens on a port');
  log({ event: 'listening', url: `http://${listening.address}:${listening.port}/hook`, engine: version });
});

async function receive(request: IncomingMessage): Promise<Answer> {
  if (request.url !== '/hook') return { status: 404, text: 'there is /hook alone' };
  if (request.method !== 'POST') return { status: 405, text: 'it takes POST' };
  const body = await bodyOf(request);
  if (body === undefined) return { status: 413, text: `a body may have ${LARGEST_BODY_BYTES} bytes` };
  const problem = signatureProblem(request.headers, body, secrets ?? [], Date.now() / 1_000);
  if (problem !== undefined) {
    log({ event: 'refused', reason: problem });
    return { status: 401, text: problem };
  }
  const pushes = pushesOf(body.toString('utf8'), repository, tag);
  if (pushes === undefined) return { status: 400, text: 'it is no envelope of events' };
  const [first, ...more] = pushes;
  if (first === undefined) return { status: 200, text: 'nothing to deploy' };
  return deployed(more.reduce((one, other) => (isNewer(other, one) ? other : one), first));
}

async function deployed(push: Push): Promise<Answer> {
  const isNew = deployments.want(push);
  log({ event: isNew ? 'wanted' : 'known', id: push.id, digest: push.digest });
  if (isNew) {
    const answered = new AbortController();
    const late = pause(ANSWER_AFTER_MS, undefined, { signal: answered.signal }).catch(() => undefined);
    await Promise.race([deployments.idle(), late]);
    answered.abort();
  }
  const outcome = deployments.outcomeOf(push);
  if (outcome !== undefined) return { status: 200, text: outcome };
  return deployments.isBusy
    ? { status: 202, text: 'written down' }
    : { status: 200, text: 'a newer push has followed' };
}

/** `undefined` for more than it may be. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  const pieces: AsyncIterable<Buffer> = request.iterator({ destroyOnReturn: false });
  for await (const bytes of pieces) {
    size += bytes.byteLength;
    if (size > LARGEST_BODY_BYTES) return undefined;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

function setting(name: string, otherwise?: string): string {
  const value = process.env[name] ?? otherwise;
  return value ?? refuse(`${name} is not set; examples/deploy-on-push/README.md has every setting`);
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

function refuse(message: string): never {
  console.error(message);
  process.exit(1);
}
