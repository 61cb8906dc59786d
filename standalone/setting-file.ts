/** A setting of `npm start` from a file, read once at start (settings/documents.ts, settings/settings-file.ts). */
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
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
    throw mistake(`${option} ${unreadable(file, systemErrorCode(error))}`);
  }
}

/** Undefined where it can be read. */
export function whyNotReadable(file: string): string | undefined {
  try {
    accessSync(file, constants.R_OK);
    return statSync(file).isDirectory() ? unreadable(file, 'EISDIR') : undefined;
  } catch (error) {
    return unreadable(file, systemErrorCode(error));
  }
}

/** @param code of the system's error, undefined where there was none of its */
export function unreadable(file: string, code: string | undefined): string {
  const user = process.geteuid?.();
  if ((code === 'EACCES' || code === 'EPERM') && user !== undefined)
    return `${file} can't be read: this user (uid ${String(user)}) may not (${code}). Let it read the file, and enter the directories above.`;
  return `${file} can't be read (${code ?? 'no such file'}). Give the path of a file.`;
}

function mistake(message: string): StartFailure {
  return new StartFailure(message, { exitCode: EXIT_USAGE });
}
