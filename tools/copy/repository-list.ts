/** The file behind `--repositories`: one name a line, where a source has no list of its own. */
import { open } from 'node:fs/promises';
import { parseRepositoryName, type RepositoryName } from '../../src/oci/repository-name.ts';
import { describeError, EXIT_USAGE, StartFailure, systemErrorCode } from '../../standalone/start-failure.ts';
import { quoted } from '../registry/outcome.ts';

/** A hundred thousand names, far longer than names are. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

/** Throws StartFailure when the file can't be read or holds what is no name. */
export async function readRepositoryList(path: string): Promise<RepositoryName[]> {
  const listed = parseRepositoryList(await read(path));
  if (typeof listed !== 'string') return listed;
  throw new StartFailure(`--repositories ${path}: ${listed}`, { exitCode: EXIT_USAGE });
}

/** The names, each once; or what is wrong. Pure. */
export function parseRepositoryList(text: string): RepositoryName[] | string {
  const names = new Set<RepositoryName>();
  for (const [index, line] of text.split('\n').entries()) {
    const word = line.replace(/#.*$/, '').trim();
    if (word === '') continue;
    const name = parseRepositoryName(word);
    if (name === undefined) return `line ${index + 1}, ${JSON.stringify(quoted(word))}, is no name of a repository`;
    names.add(name);
  }
  return names.size === 0 ? 'the file names no repository' : [...names];
}

async function read(path: string): Promise<string> {
  try {
    await using file = await open(path);
    const { size } = await file.stat();
    if (size > MAX_FILE_BYTES) throw new StartFailure(`--repositories ${path} is larger than a list of names can be.`);
    return await file.readFile('utf8');
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    throw new StartFailure(`--repositories ${path} can't be read: ${describeError(error)}`, {
      cause: error,
      exitCode: EXIT_USAGE,
    });
  }
}
