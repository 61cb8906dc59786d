/**
 * The program behind `npm start`: serves the Worker on this machine. This file is its story; each step has its own file.
 * Exit codes: 0 stopped as asked, 1 could not serve, 2 typed wrongly, 130 and 143 stopped at once by a second signal.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { parseConfig } from '../src/config.ts';
import { adminPasswordCommand, withAdminPassword } from './admin-password.ts';
import { asksWhoComes } from './asks-who.ts';
import { announce } from './banner.ts';
import { builtWorker } from './built-worker.ts';
import { Control } from './control.ts';
import { openDataDirectory } from './data-directory.ts';
import { connectionLimit, descriptorLimit, FEW_DESCRIPTORS } from './descriptors.ts';
import { doubtsOf } from './doubtful-settings.ts';
import { withEncryptionKey } from './encryption-key.ts';
import { accessOf } from './exposure.ts';
import { checkPort } from './port.ts';
import { Files } from './files/files.ts';
import { HangUps } from './hang-ups.ts';
import { Runtime } from './runtime.ts';
import { examine } from './settings/examine.ts';
import { lineOf } from './settings/given.ts';
import { helpText } from './settings/help.ts';
import type { Settings } from './settings/settings.ts';
import { workerVariables } from './settings/worker-variables.ts';
import { EXIT_FAILED, EXIT_USAGE, StartFailure, systemFailure } from './start-failure.ts';
import { onStopRequests } from './stop-requests.ts';
import { Terminal } from './terminal.ts';
import { ServedTls } from './tls/serving.ts';

/** For the last lines of a log whose reader is slow. */
const FLUSH_LIMIT_MS = 1_000;

const ROOT = join(import.meta.dirname, '..');

// What is kept is nobody else's to read; workerd inherits this.
process.umask(0o077);

await main(process.argv.slice(2), ROOT);

/** @param root the project that is served: wrangler.toml, src/, package.json, node_modules/. */
async function main(words: readonly string[], root: string): Promise<void> {
  const environment = { ...process.env };
  const terminal = new Terminal(process.stdout, process.stderr, environment);
  const examined = examine(words, environment, root);
  switch (examined.kind) {
    case 'help':
      terminal.plain(helpText());
      return;
    case 'version':
      terminal.plain(`berth ${version(root)}`);
      return;
    case 'problems':
      for (const problem of examined.problems) terminal.failure(lineOf(problem));
      process.exitCode = EXIT_USAGE;
      return;
    case 'settings':
      try {
        await serve(examined.settings, root, terminal);
      } catch (error) {
        const failure = error instanceof StartFailure ? error : systemFailure(error, examined.settings.get('data'));
        if (failure === undefined) throw error;
        terminal.failure(failure.message);
        process.exit(failure.exitCode);
      }
  }
}

async function serve(settings: Settings, root: string, terminal: Terminal): Promise<void> {
  terminal.configure({ format: settings.get('log-format'), quiet: settings.get('quiet') === 'on' });
  const host = settings.get('host');
  const port = settings.get('port');
  const storage = settings.get('storage');
  const typedData = settings.get('data');
  const starting = new AbortController();
  const state: { building: boolean; runtime?: Runtime; control?: Control } = { building: false };
  const stopFor = (reason: string): void => {
    if (starting.signal.aborted) return;
    starting.abort();
    state.control?.close();
    // Nothing is in flight before it serves. A build is stopped and cleared away first.
    if (state.runtime !== undefined) void stop(state.runtime, reason, terminal);
    else if (!state.building) process.exit(0);
  };
  const hangUps = new HangUps({
    stop: () => {
      stopFor('the terminal was closed');
    },
  });
  onStopRequests({ stop: stopFor, stopAtOnce: (exitCode) => process.exit(exitCode) });

  const tls = ServedTls.open((name) => settings.get(name));
  const data = await openDataDirectory(typedData, storage, () => {
    terminal.notice({
      level: 'info',
      event: 'waiting',
      message: `Waiting for the workerd of a killed Berth to leave ${typedData} …`,
    });
  });
  await checkPort(host, port);
  const { environment: withPassword, made } = withAdminPassword(data.path, settings.environment);
  const environment = withEncryptionKey(data.path, withPassword);
  state.building = true;
  const worker = await builtWorker({
    root,
    fallback: data.path,
    signal: starting.signal,
    onBuild: () => {
      terminal.notice({ level: 'info', event: 'building', message: 'Building the Worker …' });
    },
  }).finally(() => {
    state.building = false;
    if (starting.signal.aborted) process.exit(0);
  });
  const variables = workerVariables(worker.options.bindings, environment, host);
  const config = parseConfig(variables);
  const access = accessOf(config, asksWhoComes(data.state));
  const lost = (reason: string): void => {
    terminal.failure(reason);
    process.exit(EXIT_FAILED);
  };
  const files =
    storage === 'filesystem'
      ? await Files.start({
          root: data.path,
          sync: settings.get('sync') === 'on',
          onLost: (reason) => {
            lost(`the file service ended: ${reason}`);
          },
        })
      : undefined;
  const descriptors = descriptorLimit();
  const runtime = await Runtime.start({
    mostClients: connectionLimit(descriptors),
    worker,
    variables,
    host,
    port,
    secure: tls?.side,
    data,
    files: files?.socket,
    terminal,
    onLost: lost,
  });

  state.runtime = runtime;
  if (files !== undefined)
    state.control = await Control.listen({ root: data.path, files, workerdPid: () => runtime.workerdPid });
  warnOfFewDescriptors(descriptors, terminal);
  announce(
    {
      version: version(root),
      url: runtime.url,
      host,
      data: data.path,
      workerdPid: runtime.workerdPid ?? 0,
      access,
      doubts: doubtsOf(config, access, { host, speaksTls: tls !== undefined }),
    },
    environment,
    terminal,
  );
  const renewals = tls?.watch(config, terminal);
  hangUps.onReload(() => renewals?.asked());
  if (made !== undefined) sayAdminPassword(made, data.path, terminal);
}

/** Once, and to a person alone: what a log keeps is read by others. */
function sayAdminPassword(
  { path, password }: { path: string; password: string },
  data: string,
  terminal: Terminal,
): void {
  terminal.notice({
    level: 'info',
    event: 'admin-password',
    message: `The admin password is in ${path}; ${adminPasswordCommand(data)} shows it`,
    hints: [`  ${password}`],
  });
}

async function stop(runtime: Runtime, reason: string, terminal: Terminal): Promise<void> {
  terminal.notice({
    level: 'info',
    event: 'stopping',
    message: `Stopping (${reason}): what is in flight is finished first. A second signal ends it at once.`,
  });
  await runtime.drain();
  terminal.notice({ level: 'info', event: 'stopped', message: 'Stopped.' });
  await terminal.flushed(FLUSH_LIMIT_MS);
  process.exit(0);
}

function warnOfFewDescriptors(limit: number, terminal: Terminal): void {
  if (limit >= FEW_DESCRIPTORS) return;
  terminal.notice({
    level: 'warn',
    event: 'few-descriptors',
    message: `only ${String(limit)} files may be open at once, too few for many pushes. Type ulimit -n ${String(FEW_DESCRIPTORS)} and start again.`,
  });
}

function version(root: string): string {
  const text = readFileSync(join(root, 'package.json'), 'utf8');
  return v.parse(v.pipe(v.string(), v.parseJson(), v.object({ version: v.string() })), text).version;
}
