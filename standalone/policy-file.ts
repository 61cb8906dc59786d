/** `npm start -- --policy FILE`: the policy from a file, read once at start, in place of the setting BERTH_POLICY. */
import { readFileSync, statSync } from 'node:fs';
import { LONGEST_POLICY_CHARACTERS, parsePolicy } from '../src/auth/policy-document.ts';
import { EXIT_USAGE, StartFailure, systemErrorCode } from './start-failure.ts';

const SETTING = 'BERTH_POLICY';
/** In UTF-8, of one UTF-16 code unit. */
const LONGEST_CHARACTER_BYTES = 3;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The environment as if the setting had been given. Throws StartFailure, with path and reason, where there is no policy in
 * the file.
 *
 * @param file undefined where the option was not given
 */
export function withPolicyOf(file: string | undefined, environment: Environment): Environment {
  if (file === undefined) return environment;
  const given = environment[SETTING];
  if (given !== undefined && given !== '') {
    throw mistake(`--policy and ${SETTING} both give a policy. Give one of them.`);
  }
  const text = contentOf(file);
  const result = parsePolicy(text);
  if (!result.ok) throw mistake(`--policy ${file} is no policy: ${result.mistakes.join('; ')}`);
  return { ...environment, [SETTING]: text };
}

function contentOf(file: string): string {
  try {
    if (statSync(file).size > LONGEST_POLICY_CHARACTERS * LONGEST_CHARACTER_BYTES) {
      throw mistake(`--policy ${file} is larger than a policy may be: ${String(LONGEST_POLICY_CHARACTERS)} characters`);
    }
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof StartFailure) throw error;
    throw mistake(
      `--policy ${file} can't be read (${systemErrorCode(error) ?? 'no such file'}). Give the path of a file.`,
    );
  }
}

function mistake(message: string): StartFailure {
  return new StartFailure(message, { exitCode: EXIT_USAGE });
}
