/** `npm start -- --htpasswd FILE`: people from a file, read once at start, in place of the setting BERTH_HTPASSWD. */
import { parseHtpasswd } from '../src/auth/htpasswd.ts';
import { ConfigurationError, isHtpasswd, LONGEST_HTPASSWD_CHARACTERS, parseConfig } from '../src/config.ts';
import { given, mistake, settingFile, type Environment } from './setting-file.ts';

const SETTING = 'BERTH_HTPASSWD';
const MAX_COST = 'BERTH_HTPASSWD_MAX_COST';
/** A line that names nobody: empty, or a comment. */
const NOBODY = /^\s*(?:#.*)?$/;

/**
 * The environment as if the setting had been given. Throws StartFailure where the file cannot be, or a line of it will not do.
 *
 * @param file undefined where the option was not given
 */
export function withHtpasswdOf(file: string | undefined, environment: Environment): Environment {
  if (file === undefined) return environment;
  const other = given(environment, isHtpasswd);
  if (other !== undefined) throw mistake(`--htpasswd and ${other} both name people. Give one of them.`);
  const text = settingFile('--htpasswd', file, LONGEST_HTPASSWD_CHARACTERS);
  // Whoever names a file wants the registry closed to others: one without people must not leave it open.
  if (text.split('\n').every((line) => NOBODY.test(line)))
    throw mistake(`--htpasswd ${file} names nobody: htpasswd -B ${file} NAME adds a line`);
  const maxCost = maxCostOf(environment);
  const parsed = maxCost === undefined ? undefined : parseHtpasswd(text, maxCost);
  if (parsed?.kind === 'mistakes') throw mistake(`--htpasswd ${file} ${parsed.mistakes.join('; ')}`);
  return { ...environment, [SETTING]: text };
}

/** Undefined where it is a wrong one: that is said with the other settings. */
function maxCostOf(environment: Environment): number | undefined {
  try {
    return parseConfig({ [MAX_COST]: environment[MAX_COST] }).htpasswdMaxCost;
  } catch (error) {
    if (error instanceof ConfigurationError) return undefined;
    throw error;
  }
}
