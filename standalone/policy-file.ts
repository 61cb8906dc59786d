/** `npm start -- --policy FILE`: the policy from a file, read once at start, in place of the setting BERTH_POLICY. */
import { LONGEST_POLICY_CHARACTERS, parsePolicy } from '../src/auth/policy-document.ts';
import { given, mistake, settingFile, type Environment } from './setting-file.ts';

const SETTING = 'BERTH_POLICY';

/**
 * The environment as if the setting had been given. Throws StartFailure, with path and reason, where there is no policy in
 * the file.
 *
 * @param file undefined where the option was not given
 */
export function withPolicyOf(file: string | undefined, environment: Environment): Environment {
  if (file === undefined) return environment;
  if (given(environment, (name) => name === SETTING) !== undefined) {
    throw mistake(`--policy and ${SETTING} both give a policy. Give one of them.`);
  }
  const text = settingFile('--policy', file, LONGEST_POLICY_CHARACTERS);
  const result = parsePolicy(text);
  if (!result.ok) throw mistake(`--policy ${file} is no policy: ${result.mistakes.join('; ')}`);
  return { ...environment, [SETTING]: text };
}
