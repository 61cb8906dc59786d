/** Where the password comes from: the environment, a person at a terminal who types it unseen, or the first line of stdin. */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import type { ReadStream } from 'node:tty';
import { PASSWORD_VARIABLE } from './arguments.ts';

const MOST_CHARACTERS = 4_096;

/** Undefined where none is given. */
export async function readPassword(
  user: string,
  environment: Readonly<Record<string, string | undefined>>,
  input: Pick<ReadStream, 'isTTY'> & NodeJS.ReadableStream,
  prompts: Writable,
): Promise<string | undefined> {
  const given = environment[PASSWORD_VARIABLE] ?? '';
  if (given !== '') return given;
  if (input.isTTY) prompts.write(`Password of ${user}: `);
  // What is typed would be shown where the lines are read.
  const unseen = new Writable({
    write: (_piece, _encoding, done) => {
      done();
    },
  });
  const lines = createInterface({ input, output: unseen, terminal: input.isTTY });
  const line = once(lines, 'line').then(([text]) => String(text));
  const end = once(lines, 'close').then(() => undefined);
  const typed = await Promise.race([line, end]);
  lines.close();
  if (input.isTTY) prompts.write('\n');
  return typed === undefined || typed === '' || typed.length > MOST_CHARACTERS ? undefined : typed;
}
