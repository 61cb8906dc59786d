/** What somebody gave, from everywhere: a flag outranks the environment, which outranks the file. */
import type { Environment } from '../setting-file.ts';
import { parseEnvironment } from './environment.ts';
import { parseFlags, type Flags } from './flags.ts';
import { placeOf, type Given, type Problem } from './given.ts';
import { readSettingsFile } from './settings-file.ts';

export interface Gathered {
  readonly asked: Flags['asked'];
  /** What counts, by the name of its setting. */
  readonly given: ReadonlyMap<string, Given>;
  /** What was given as well, and is outranked. */
  readonly outranked: readonly Given[];
  /** Variables that begin as settings do, and are none. */
  readonly others: readonly string[];
  readonly problems: readonly Problem[];
}

export function gather(words: readonly string[], environment: Environment): Gathered {
  const flags = parseFlags(words);
  const variables = parseEnvironment(environment);
  const config = [...flags.given, ...variables.given].find(({ setting }) => setting.name === 'config');
  const file = config === undefined ? NO_FILE : readSettingsFile(config.text, placeOf(config.origin));
  const given = new Map<string, Given>();
  const outranked: Given[] = [];
  for (const one of [...flags.given, ...variables.given, ...file.given]) {
    if (given.has(one.setting.name)) outranked.push(one);
    else given.set(one.setting.name, one);
  }
  return {
    asked: flags.asked,
    given,
    outranked,
    others: variables.others,
    problems: [...flags.problems, ...file.problems],
  };
}

const NO_FILE = { given: [], problems: [] };
