/** `npm start -- --htpasswd FILE`: people from a file, read once at start, in place of the setting BERTH_HTPASSWD. */
import { isHtpasswd, LONGEST_HTPASSWD_CHARACTERS } from '../src/config.ts';
import { given, mistake, settingFile, type Environment } from './setting-file.ts';

const SETTING = 'BERTH_HTPASSWD';
/** A line that names nobody: empty, or a comment. */
const NOBODY = /^\s*(?:#.*)?$/;

/**
 * The environment as if the setting had been given; what its lines are is looked at with the other settings. Throws
 * StartFailure where the file cannot be.
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
  return { ...environment, [SETTING]: text };
}
