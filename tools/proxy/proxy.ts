/**
 * The program behind `npx berth proxy` and `npm run proxy`: stands between clients that send a layer in one request and a
 * registry on Cloudflare, which refuses large ones before the Worker sees them. This file is its story.
 * Exit codes: 0 stopped as asked, 1 could not listen, 2 typed wrongly, 130 and 143 stopped at once by a second signal.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as v from 'valibot';
import {
  describeError,
  EXIT_FAILED,
  EXIT_USAGE,
  StartFailure,
  systemErrorCode,
} from '../../standalone/start-failure.ts';
import { onStopRequests } from '../../standalone/stop-requests.ts';
import { HELP, parseArguments, type ProxyCommand } from './arguments.ts';
import { bannerOf } from './banner.ts';
import { toUpstream } from './headers.ts';
import { Reporter } from './reporter.ts';
import { ProxyServer } from './server.ts';
import { Upstream } from './upstream.ts';

/** Whether the registry is there is only worth a warning. */
const LOOK_LIMIT_MS = 10_000;
const UNAUTHORIZED = 401;
/** What a Berth says that is open on loopback and has been reached in another way; docker shows none of it. */
const OPEN_TO_ITS_MACHINE = 'open to programs on its own machine only';

await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<void> {
  const command = parseArguments(words);
  switch (command.kind) {
    case 'help':
      console.log(HELP);
      return;
    case 'version':
      console.log(`berth ${version()}`);
      return;
    case 'mistake':
      console.error(command.message);
      process.exitCode = EXIT_USAGE;
      return;
    case 'proxy':
      try {
        await serve(command);
      } catch (error) {
        if (!(error instanceof StartFailure)) throw error;
        console.error(error.message);
        process.exitCode = error.exitCode;
      }
  }
}

async function serve(command: ProxyCommand): Promise<void> {
  const { host, port, isOpen, chunkBytes, isVerbose } = command;
  const upstream = upstreamOf(command);
  const reporter = new Reporter({ out: process.stdout, errors: process.stderr, isVerbose });
  const server = await ProxyServer.listen({
    ...{ upstream, host, port, isOpen, chunkBytes, reporter },
    wait: (ms, signal) => delay(ms, undefined, { signal }),
  }).catch((error: unknown) => {
    throw listenFailure(error, host, port);
  });
  onStopRequests({
    stop: (reason) => {
      reporter.line(`Stopping (${reason}): what is in flight is finished first. A second signal ends it at once.`);
      void server.stop().then(() => {
        reporter.end();
        process.exit(0);
      });
    },
    stopAtOnce: (exitCode) => process.exit(exitCode),
  });
  for (const line of bannerOf({ version: version(), ...command, port: server.port })) reporter.line(line);
  const doubt = await lookAt(upstream);
  if (doubt !== undefined) reporter.warn(doubt);
}

/** What is wrong with the registry's address, as far as one look tells. */
async function lookAt(upstream: Upstream): Promise<string | undefined> {
  const signal = AbortSignal.timeout(LOOK_LIMIT_MS);
  const { origin, host } = upstream.url;
  // As what comes through is sent: a registry may tell it apart.
  const outcome = await upstream
    .exchange({ method: 'GET', path: '/v2/', headers: toUpstream([], host), signal })
    .catch(() => undefined);
  if (outcome === undefined) return `${origin} does not answer; look at the address, or at the network`;
  if (outcome.kind === 'broken') return outcome.reason;
  const { status, headers, body } = outcome.answer;
  if (status === UNAUTHORIZED && body.includes(OPEN_TO_ITS_MACHINE))
    return `${origin} is open to programs on its own machine only, and takes nothing that comes through a proxy; push to ${host} itself`;
  if (status === 200 || status === UNAUTHORIZED) return undefined;
  const location = headers.find((_, at) => headers[at - 1]?.toLowerCase() === 'location');
  return location?.startsWith(`https://${host}`) === true && upstream.url.protocol === 'http:'
    ? `${origin} wants https; stop this, then npx berth proxy https://${host}`
    : `${origin}/v2/ answers ${String(status)}, as no registry does; look at the address`;
}

function upstreamOf({ upstream, ca }: ProxyCommand): Upstream {
  if (ca === undefined) return new Upstream(upstream);
  try {
    const certificates = readFileSync(ca, 'utf8');
    // A context takes a file without any, and then trusts nobody.
    new X509Certificate(certificates);
    return new Upstream(upstream, certificates);
  } catch (error) {
    throw new StartFailure(`--ca ${ca} will not do: ${describeError(error)}`, { exitCode: EXIT_USAGE, cause: error });
  }
}

function listenFailure(error: unknown, host: string, port: number): StartFailure {
  const options = { cause: error, exitCode: EXIT_FAILED };
  switch (systemErrorCode(error)) {
    case 'EADDRINUSE':
      return new StartFailure(`port ${String(port)} is taken; choose another with --port`, options);
    case 'EACCES':
      return new StartFailure(
        `port ${String(port)} needs rights that you don't have; choose another with --port`,
        options,
      );
    case 'EADDRNOTAVAIL':
      return new StartFailure(`${host} is not an address of this machine; --host 127.0.0.1 is`, options);
    default:
      return new StartFailure(`can't listen on ${host}, port ${String(port)}: ${describeError(error)}`, options);
  }
}

function version(): string {
  const text = readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8');
  return v.parse(v.pipe(v.string(), v.parseJson(), v.object({ version: v.string() })), text).version;
}
