/** Settings that are files for whoever starts Berth: `--htpasswd FILE` is BERTH_HTPASSWD. They are read once, at the start. */
import { readFileSync } from 'node:fs';
import { describeError, EXIT_USAGE, StartFailure } from './start-failure.ts';

/** Option and setting. */
export const SETTING_FILES = { htpasswd: 'BERTH_HTPASSWD' } as const;
export type SettingFile = keyof typeof SETTING_FILES;

type Environment = Readonly<Record<string, string | undefined>>;

/** The environment with what stands in the files. Throws StartFailure where one can't be read, or says nothing. */
export function withSettingFiles(
  environment: Environment,
  files: Readonly<Partial<Record<SettingFile, string>>>,
): Environment {
  const read: Record<string, string> = {};
  for (const option of ['htpasswd'] as const satisfies SettingFile[]) {
    const [file, setting] = [files[option], SETTING_FILES[option]];
    if (file === undefined) continue;
    if ((environment[setting] ?? '') !== '')
      throw new StartFailure(`--${option} and ${setting} are one setting: give one of them`, { exitCode: EXIT_USAGE });
    read[setting] = contentOf(file, option);
  }
  return { ...environment, ...read };
}

function contentOf(file: string, option: SettingFile): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new StartFailure(`--${option} ${file} can't be read: ${describeError(error)}`, {
      exitCode: EXIT_USAGE,
      cause: error,
    });
  }
  // Whoever names a file wants the registry closed to others: an empty one must not leave it open.
  if (text.trim() === '') throw new StartFailure(`--${option} ${file} is empty`, { exitCode: EXIT_USAGE });
  return text;
}
