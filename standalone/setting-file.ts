/** A setting of `npm start` from a file, read once at start (settings/documents.ts, settings/settings-file.ts). */
import { readFileSync, statSync } from 'node:fs';
import { EXIT_USAGE, StartFailure, systemErrorCode } from './start-failure.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** In UTF-8, of one UTF-16 code unit. */
const LONGEST_CHARACTER_BYTES = 3;

/** @param most in characters; a file that cannot be the right one is not read at all */
export function settingFile(option: string, file: string, most: number): string {
  try {
    if (statSync(file).size > most * LONGEST_CHARACTER_BYTES) {
      throw mistake(`${option} ${file} is too large: it may have ${String(most)} characters`);
    }
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof StartFailure) throw error;
    throw mistake(
      `${option} ${file} can't be read (${systemErrorCode(error) ?? 'no such file'}). Give the path of a file.`,
    );
  }
}

/** The first of these variables that is set to something: an option and a variable must not both be given. */
export function given(environment: Environment, isSetting: (name: string) => boolean): string | undefined {
  return Object.keys(environment).find((name) => isSetting(name) && (environment[name] ?? '') !== '');
}

export function mistake(message: string): StartFailure {
  return new StartFailure(message, { exitCode: EXIT_USAGE });
}
