/**
 * `npm run copy`: everything of a registry that runs into another one, over the OCI distribution protocol alone.
 * Exit codes: 0 all of it is there, 1 something is not, 2 typed wrongly, 130 stopped. Results are on stdout; progress,
 * and the one line that tells why it broke off, are on stderr.
 */
import { appendFileSync, writeFileSync } from 'node:fs';
import { isLoopback } from '../../standalone/exposure.ts';
import { describeError, EXIT_FAILED, EXIT_USAGE, StartFailure } from '../../standalone/start-failure.ts';
import { onStopRequests } from '../../standalone/stop-requests.ts';
import type { RegistryAddress } from '../registry/address.ts';
import { HELP, parseArguments, type CopyOptions } from './arguments.ts';
import { BlobTransfer } from './blob-transfer.ts';
import { Gate } from './gate.ts';
import { ProgressLine } from './progress-line.ts';
import { RegistryClient } from '../registry/registry-client.ts';
import { copyRegistry } from './registry-copy.ts';
import { describeReport, reportOf } from './report.ts';
import { readRepositoryList } from './repository-list.ts';
import { Source } from './source.ts';
import { Tally } from './tally.ts';
import { Target } from './target.ts';

const EXIT_STOPPED = 130;
const USER_AGENT = 'berth-copy';

process.exit(await main());

async function main(): Promise<number> {
  const command = parseArguments(process.argv.slice(2), process.env);
  switch (command.kind) {
    case 'help':
      console.log(HELP);
      return 0;
    case 'mistake':
      console.error(command.message);
      return EXIT_USAGE;
    case 'copy':
      try {
        return await copy(command.options);
      } catch (error) {
        if (!(error instanceof StartFailure)) throw error;
        console.error(error.message);
        return error.exitCode;
      }
  }
}

async function copy(options: CopyOptions): Promise<number> {
  const { from, to, repositoriesFile, parallel, chunkBytes, reportFile, dryRun } = options;
  const listed = repositoriesFile === undefined ? [] : await readRepositoryList(repositoriesFile);
  const names = [...new Set([...options.repositories, ...listed])];
  if (reportFile !== undefined) writeReport(reportFile, appendFileSync, '');
  for (const address of [from, to]) warnOfPlainPassword(address);

  const stop = new AbortController();
  onStopRequests({
    stop: () => {
      stop.abort();
    },
    stopAtOnce: (exitCode) => process.exit(exitCode),
  });
  const source = new RegistryClient(from, { name: 'the source', userAgent: USER_AGENT }, stop.signal);
  const target = new RegistryClient(to, { name: 'the target', userAgent: USER_AGENT }, stop.signal);
  await greet(source, { mustLetIn: false });
  await greet(target, { mustLetIn: true });

  const startedAt = new Date();
  const progress = new ProgressLine(process.stderr);
  const tally = new Tally(stop.signal, () => {
    progress.update(tally);
  });
  const ends = { source: new Source(source), target: new Target(target), tally, dryRun };
  const blobs = new BlobTransfer({ ...ends, places: new Gate(parallel), chunkBytes });
  await copyRegistry(names.length === 0 ? undefined : names, {
    ...ends,
    blobs,
    parallel,
    tell: (line) => {
      progress.clear();
      console.log(line);
    },
  });
  progress.clear();

  const circumstances = { from: from.url.origin, to: to.url.origin, startedAt, endedAt: new Date(), dryRun };
  const report = reportOf(tally, { ...circumstances, stopped: stop.signal.aborted });
  for (const line of describeReport(report)) console.log(line);
  if (reportFile !== undefined) writeReport(reportFile, writeFileSync, `${JSON.stringify(report, undefined, 2)}\n`);
  if (report.stopped) return EXIT_STOPPED;
  return report.failures === 0 ? 0 : EXIT_FAILED;
}

async function greet(client: RegistryClient, expectation: { readonly mustLetIn: boolean }): Promise<void> {
  const greeted = await client.greet(expectation);
  if (!greeted.ok) throw new StartFailure(`Nothing was copied: ${greeted.failure.reason}.`);
}

function warnOfPlainPassword({ url, credentials }: RegistryAddress): void {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (credentials === undefined || url.protocol === 'https:' || host === 'localhost' || isLoopback(host)) return;
  console.error(
    `Warning: ${url.origin} is not https, so everyone on the way can read the password that is sent there.`,
  );
}

/** Before anything is copied, too, so that hours later there is a place for it. */
function writeReport(path: string, write: (path: string, text: string) => void, text: string): void {
  try {
    write(path, text);
  } catch (error) {
    throw new StartFailure(`--json ${path} can't be written: ${describeError(error)}`, { cause: error });
  }
}
