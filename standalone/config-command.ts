/**
 * `npm run config -- check` and `-- explain`, with the options of npm start, whose settings they look at. They serve nothing and
 * change nothing, so they may run beside a registry.
 * Exit codes: 0 all is right, 1 something is not, 2 the command itself was typed wrongly.
 */
import { join } from 'node:path';
import * as v from 'valibot';
import { parseConfig } from '../src/config.ts';
import { lookAtDataDirectory } from './data-directory.ts';
import { doubtsOf, plainAddress } from './doubtful-settings.ts';
import { accessOf, exposureWarnings } from './exposure.ts';
import { examine } from './settings/examine.ts';
import { explain, explanation } from './settings/explain.ts';
import { lineOf, placeOf, type Given, type Problem } from './settings/given.ts';
import { habitsOfDistribution, misspeltInWrangler, withoutEffect } from './settings/hints.ts';
import { PROGRAM_ROWS } from './settings/program-settings.ts';
import type { Settings } from './settings/settings.ts';
import { workerVariables } from './settings/worker-variables.ts';
import { EXIT_FAILED, EXIT_USAGE } from './start-failure.ts';
import { materialDoubts, ownAddress, readMaterial, tlsFilesOf } from './tls/material.ts';

const ROOT = join(import.meta.dirname, '..');

const HELP = `Looks at the settings with which npm start would serve, and serves nothing.

  npm run config -- check [--json] [options of npm start]
  npm run config -- explain [--json] [options of npm start]

  check     finds every mistake: in flags, the environment (BERTH_…), the file that
            --config names, the documents that those name, and between them
  explain   shows every setting that counts, and where its value comes from.
            Secrets are hidden
  --json    prints JSON, for programs

  npm start -- --help lists the options.`;

process.exitCode = main(process.argv.slice(2), process.env);

function main([command, ...rest]: readonly string[], environment: NodeJS.ProcessEnv): number {
  const isJson = rest.includes('--json');
  const words = rest.filter((word) => word !== '--json');
  switch (command) {
    case 'check':
      return check(words, environment, isJson);
    case 'explain':
      return explainTo(words, environment, isJson);
    case '--help':
    case '-h':
      console.log(HELP);
      return 0;
    default:
      console.error('Type npm run config -- check, or npm run config -- explain. npm run config -- --help tells more.');
      return EXIT_USAGE;
  }
}

function check(words: readonly string[], environment: NodeJS.ProcessEnv, isJson: boolean): number {
  const examined = examine(words, environment, ROOT);
  if (examined.kind === 'help' || examined.kind === 'version') return helped();
  const { given } = examined.kind === 'problems' ? examined : examined.settings;
  const problems = [...(examined.kind === 'problems' ? examined.problems : []), ...dataProblems(given)];
  const notes = [
    ...habitsOfDistribution(environment),
    ...withoutEffect(given.values()),
    ...(examined.kind === 'settings'
      ? [
          ...misspeltInWrangler(examined.settings.configured),
          ...warnings(examined.settings),
          ...doubts(examined.settings),
        ]
      : []),
  ];
  if (isJson) console.log(JSON.stringify({ problems, notes }, undefined, 2));
  else
    console.log(
      [...problems.map(lineOf), ...notes.map((note) => `Note: ${lineOf(note)}`), summary(problems)].join('\n'),
    );
  return problems.length === 0 ? 0 : EXIT_FAILED;
}

function explainTo(words: readonly string[], environment: NodeJS.ProcessEnv, isJson: boolean): number {
  const examined = examine(words, environment, ROOT);
  if (examined.kind === 'help' || examined.kind === 'version') return helped();
  if (examined.kind === 'problems') {
    console.error(examined.problems.map(lineOf).join('\n'));
    return EXIT_FAILED;
  }
  const explained = explain(examined.settings);
  console.log(isJson ? JSON.stringify(explained, undefined, 2) : explanation(explained));
  return 0;
}

function helped(): number {
  console.log(HELP);
  return 0;
}

function dataProblems(given: ReadonlyMap<string, Given>): Problem[] {
  const data = v.safeParse(PROGRAM_ROWS.data.schema, given.get('data')?.text);
  const storage = v.safeParse(PROGRAM_ROWS.storage.schema, given.get('storage')?.text);
  const message = data.success && storage.success ? lookAtDataDirectory(data.output, storage.output) : undefined;
  const origin = given.get('data')?.origin;
  return message === undefined ? [] : [{ path: origin === undefined ? 'data' : placeOf(origin), message }];
}

/** What npm start would warn of as well, of a certificate that it would serve. */
function doubts(settings: Settings): Problem[] {
  const given = settings.given.get('tls-cert');
  const files = tlsFilesOf((name) => settings.get(name));
  if (given === undefined || files === undefined) return [];
  const config = parseConfig(workerVariables(settings.configured, settings.environment, settings.get('host')));
  const read = readMaterial(files);
  const messages =
    read.kind === 'ok' ? materialDoubts(read.value, files, new Date(), ownAddress(config)?.hostname) : [];
  return messages.map((message) => ({ path: `${placeOf(given.origin)}:`, message }));
}

/** What npm start would warn of; what the data directory says of who may come in, it alone can know. */
function warnings(settings: Settings): Problem[] {
  const host = settings.get('host');
  const config = parseConfig(workerVariables(settings.configured, settings.environment, host));
  const access = accessOf(config);
  const speaksTls = tlsFilesOf((name) => settings.get(name)) !== undefined;
  return [
    ...exposureWarnings(host, access, settings.environment),
    ...doubtsOf(config, access, { host, speaksTls }),
    ...(speaksTls ? plainAddress(config) : []),
  ].map(({ event, message }) => ({ path: `${event}:`, message }));
}

function summary({ length }: readonly Problem[]): string {
  return length === 0 ? 'No mistakes.' : `${String(length)} ${length === 1 ? 'mistake' : 'mistakes'}.`;
}
