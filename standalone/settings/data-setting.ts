/**
 * The data directory for the programs beside `npm start`, which has to be the same: by a flag, else by the environment, else by
 * the file of settings. That is not read where it does not count, since not everybody may.
 */
import * as v from 'valibot';
import type { Environment } from '../setting-file.ts';
import { EXIT_USAGE, StartFailure } from '../start-failure.ts';
import { lineOf, placeOf } from './given.ts';
import { DEFAULT_DATA_DIRECTORY, PROGRAM_ROWS, type ProgramName } from './program-settings.ts';
import { variableOf } from './setting.ts';
import { readSettingsFile } from './settings-file.ts';

/** What was typed behind the two dashes. */
export interface DataOptions {
  readonly data?: string | undefined;
  readonly config?: string | undefined;
}

/** For their --help. */
export const DATA_HELP = `  --data DIR   the registry's data directory. Unless it is given it is what npm start
               takes: BERTH_DATA, or data in the file of settings, or ${DEFAULT_DATA_DIRECTORY}
  --config F   the file of settings, in place of BERTH_CONFIG`;

/** Throws StartFailure for a file of settings that npm start would refuse: a misspelt key would name another registry. */
export function dataDirectoryOf(options: DataOptions, environment: Environment): string {
  const given = options.data ?? variable('data', environment);
  if (given !== undefined) return given;
  const file = options.config ?? variable('config', environment);
  if (file === undefined) return DEFAULT_DATA_DIRECTORY;
  const read = readSettingsFile(file, options.config === undefined ? variableOf('config') : '--config');
  const [problem] = read.problems;
  if (problem !== undefined) throw new StartFailure(lineOf(problem), { exitCode: EXIT_USAGE });
  const found = read.given.find(({ setting }) => setting.name === 'data');
  const parsed = v.safeParse(PROGRAM_ROWS.data.schema, found?.text);
  if (parsed.success) return parsed.output;
  const path = found === undefined ? file : placeOf(found.origin);
  throw new StartFailure(lineOf({ path, message: parsed.issues[0].message }), { exitCode: EXIT_USAGE });
}

/** An empty one counts as unset. */
function variable(name: ProgramName, environment: Environment): string | undefined {
  const text = environment[variableOf(name)] ?? '';
  return text === '' ? undefined : text;
}
