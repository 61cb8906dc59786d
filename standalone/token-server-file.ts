/** `npm start -- --token-server FILE`: whose tokens count, from a file, read once at start, in place of BERTH_TOKEN_SERVER. */
import { LONGEST_TOKEN_SERVER_CHARACTERS, parseTokenServer } from '../src/auth/token-server-document.ts';
import { given, mistake, settingFile, type Environment } from './setting-file.ts';

const SETTING = 'BERTH_TOKEN_SERVER';

/**
 * The environment as if the setting had been given. Throws StartFailure, with path and reason, where the file names no
 * token server.
 *
 * @param file undefined where the option was not given
 */
export function withTokenServerOf(file: string | undefined, environment: Environment): Environment {
  if (file === undefined) return environment;
  if (given(environment, (name) => name === SETTING) !== undefined) {
    throw mistake(`--token-server and ${SETTING} both name a token server. Give one of them.`);
  }
  const text = settingFile('--token-server', file, LONGEST_TOKEN_SERVER_CHARACTERS);
  const result = parseTokenServer(text);
  if (!result.ok) throw mistake(`--token-server ${file} is no token server: ${result.mistakes.join('; ')}`);
  return { ...environment, [SETTING]: text };
}
