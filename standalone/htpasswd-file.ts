/** `npm start -- --htpasswd FILE`: people from a file, read once at start, in place of the setting BERTH_HTPASSWD. */
import { readFileSync } from 'node:fs';
import { isHtpasswd } from '../src/config.ts';
import { EXIT_USAGE, StartFailure, systemErrorCode } from './start-failure.ts';

const SETTING = 'BERTH_HTPASSWD';
/** A line that names nobody: empty, or a comment. */
const NOBODY = /^\s*(?:#.*)?$/;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The environment as if the setting had been given; what its lines are is looked at with the other settings. Throws
 * StartFailure where the file cannot be.
 *
 * @param file undefined where the option was not given
 */
export function withHtpasswdOf(file: string | undefined, environment: Environment): Environment {
  if (file === undefined) return environment;
  const given = Object.keys(environment).find((name) => isHtpasswd(name) && (environment[name] ?? '') !== '');
  if (given !== undefined) throw mistake(`--htpasswd and ${given} both name people. Give one of them.`);
  const text = contentOf(file);
  // Whoever names a file wants the registry closed to others: one without people must not leave it open.
  if (text.split('\n').every((line) => NOBODY.test(line)))
    throw mistake(`--htpasswd ${file} names nobody: htpasswd -B ${file} NAME adds a line`);
  return { ...environment, [SETTING]: text };
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw mistake(
      `--htpasswd ${file} can't be read (${systemErrorCode(error) ?? 'no such file'}). Give the path of a file.`,
    );
  }
}

function mistake(message: string): StartFailure {
  return new StartFailure(message, { exitCode: EXIT_USAGE });
}
