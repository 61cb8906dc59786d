/**
 * `npm run doctor`: looks at a registry that runs as its clients see it, and says of each thing that is wrong what to do.
 * Exit codes: 0 nothing is wrong, 1 something is, 2 typed wrongly, 130 stopped. Results are on stdout.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { harmless } from '../../standalone/harmless.ts';
import { describeError, EXIT_FAILED, EXIT_USAGE, StartFailure } from '../../standalone/start-failure.ts';
import { onStopRequests } from '../../standalone/stop-requests.ts';
import type { Credentials } from '../registry/address.ts';
import { HELP, parseArguments, PASSWORD_VARIABLE, type DoctorOptions } from './arguments.ts';
import { readClientCertificate } from './client-certificate.ts';
import { examine, type Checked } from './examination.ts';
import { readPassword } from './password.ts';
import { checkCleanUp } from './push.ts';
import { describeCheck, describeEnd, reportOf } from './report.ts';
import { trusted } from './tls-look.ts';
import { Visit } from './visit.ts';

const EXIT_STOPPED = 130;
/** For what a visit leaves behind that was stopped. */
const CLEAN_UP_MS = 10_000;

process.exit(await main());

async function main(): Promise<number> {
  const command = parseArguments(process.argv.slice(2));
  switch (command.kind) {
    case 'help':
      console.log(HELP);
      return 0;
    case 'mistake':
      console.error(command.message);
      return EXIT_USAGE;
    case 'examine':
      try {
        return await visit(command.options);
      } catch (error) {
        if (!(error instanceof StartFailure)) throw error;
        console.error(error.message);
        return error.exitCode;
      }
  }
}

async function visit({
  url,
  username,
  caFile,
  certificateFiles,
  repository,
  json,
  quick,
}: DoctorOptions): Promise<number> {
  const ca = trusted(caFile === undefined ? undefined : readCertificates(caFile));
  const certificate = certificateFiles === undefined ? undefined : readClientCertificate(certificateFiles);
  const credentials = username === undefined ? undefined : await credentialsOf(username);
  const stop = new AbortController();
  const startedAt = new Date();
  const place = new Visit({ url, credentials, ca, certificate, repository, quick, signal: stop.signal });
  onStopRequests({
    stop: () => {
      stop.abort();
    },
    stopAtOnce: (exitCode) => {
      if (place.image !== undefined)
        console.error(`In ${place.repository} there may be left: the tag ${place.tag} and its image.`);
      process.exit(exitCode);
    },
  });
  const colour = process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === '';
  const checked: Checked[] = [];
  for await (const one of examine(place)) {
    if (stop.signal.aborted) return stopped(place);
    checked.push(one);
    if (!json) console.log(describeCheck(one, colour));
  }
  const report = reportOf({ url, startedAt, repository: place.repository }, checked);
  console.log(json ? JSON.stringify(report, undefined, 2) : describeEnd(checked));
  return report.ok ? 0 : EXIT_FAILED;
}

/** Nothing was asked for any more, but a test image is nothing to leave in somebody's registry. */
async function stopped(place: Visit): Promise<number> {
  if (place.image !== undefined) {
    const verdict = await checkCleanUp(place.toClearAway(AbortSignal.timeout(CLEAN_UP_MS)));
    console.error(`Stopped: ${harmless(verdict.message)}.`);
  }
  return EXIT_STOPPED;
}

async function credentialsOf(user: string): Promise<Credentials> {
  const password = await readPassword(user, process.env, process.stdin, process.stderr);
  if (password !== undefined) return { user, password };
  throw new StartFailure(
    `--username needs the password, in ${PASSWORD_VARIABLE}, typed at a terminal, or as the first line of stdin.`,
    { exitCode: EXIT_USAGE },
  );
}

function readCertificates(path: string): string {
  try {
    const certificates = readFileSync(path, 'utf8');
    // Node takes a file without any, and then trusts nobody by it.
    new X509Certificate(certificates);
    return certificates;
  } catch (error) {
    throw new StartFailure(`--ca ${path} will not do: ${describeError(error)}`, { exitCode: EXIT_USAGE, cause: error });
  }
}
