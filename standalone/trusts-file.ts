/** `npm start -- --trusts FILE`: the issuers whose jobs come in, read once at start, in place of the setting BERTH_TRUSTS. */
import { LONGEST_TRUSTS_CHARACTERS, parseTrusts } from '../src/auth/trusts.ts';
import { given, mistake, settingFile, type Environment } from './setting-file.ts';

const SETTING = 'BERTH_TRUSTS';

/**
 * The environment as if the setting had been given. Throws StartFailure, with path and reason, where there are no trusts in
 * the file.
 *
 * @param file undefined where the option was not given
 */
export function withTrustsOf(file: string | undefined, environment: Environment): Environment {
  if (file === undefined) return environment;
  if (given(environment, (name) => name === SETTING) !== undefined) {
    throw mistake(`--trusts and ${SETTING} both name trusts. Give one of them.`);
  }
  const text = settingFile('--trusts', file, LONGEST_TRUSTS_CHARACTERS);
  const result = parseTrusts(text);
  if (!result.ok) throw mistake(`--trusts ${file} names no trusts: ${result.mistakes.join('; ')}`);
  return { ...environment, [SETTING]: text };
}
