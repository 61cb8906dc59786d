/**
 * The variables that begin with BERTH_, by the table. Pure.
 * An empty one counts as unset: shells and service managers have no other way to take one back.
 */
import { isSettingName } from '../../src/config.ts';
import type { Environment } from '../setting-file.ts';
import type { Given, Problem } from './given.ts';
import { nearest } from './nearest.ts';
import { VARIABLE_PREFIX } from './setting.ts';
import { SETTINGS, settingOfVariable } from './table.ts';

/** Names that the tests, the CI, workerd's guard and tools use. They are no settings, and may be set where Berth is started. */
const OTHER_NAMES = /^BERTH_(REQUIRE_CLIENTS$|GO_CACHE$|PASSWORD$|TEST_|CI_|WORKERD_|COPY_)/;

export interface FromEnvironment {
  readonly given: readonly Given[];
  /** Names that are not in the table. A secret of an endpoint may have one. */
  readonly others: readonly string[];
}

export function parseEnvironment(environment: Environment): FromEnvironment {
  const given: Given[] = [];
  const others: string[] = [];
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith(VARIABLE_PREFIX) || OTHER_NAMES.test(variable)) continue;
    const setting = settingOfVariable(variable);
    // The parts of a long BERTH_HTPASSWD go on to the Worker as they are.
    if (setting === undefined && !isSettingName(variable)) others.push(variable);
    if (setting === undefined || text === undefined || text === '') continue;
    given.push({ setting, text, origin: { kind: 'environment', variable } });
  }
  return { given, others };
}

/** The variable that was probably meant. */
export function nearestVariable(variable: string): string | undefined {
  const meant = nearest(variable.slice(VARIABLE_PREFIX.length), NAMES);
  return meant === undefined ? undefined : `${VARIABLE_PREFIX}${meant}`;
}

/** A misspelt setting would leave its default in force, and nobody would know. */
export function unknownVariable(variable: string): Problem {
  const meant = nearestVariable(variable);
  return {
    path: variable,
    message: `is no setting.${meant === undefined ? '' : ` Did you mean ${meant}?`} docs/configuration.md lists them all.`,
  };
}

const NPM_SCRIPTS: readonly (string | undefined)[] = ['start', 'config'];

/** What was typed without the two dashes, npm took for its own, and nobody would know: a registry would be open to writes. */
export function takenByNpm(environment: Environment): Problem[] {
  if (!NPM_SCRIPTS.includes(environment['npm_lifecycle_event'])) return [];
  return SETTINGS.flatMap(({ name, flag }) => {
    const value = environment[`npm_config_${name.replaceAll('-', '_')}`];
    if (flag === undefined || value === undefined) return [];
    const shown = value === '' || value === 'true' ? '' : ` ${value}`;
    return [{ path: flag, message: `was taken by npm. Options go behind two dashes: npm start -- ${flag}${shown}` }];
  });
}

const NAMES = SETTINGS.map(({ variable }) => variable.slice(VARIABLE_PREFIX.length));
