/** A copy of the sources with something in it changed on purpose, so that what is to notice it can be put to the test. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Alteration {
  readonly name: string;
  readonly file: string;
  /** The code, exactly as it stands, once in its file. */
  readonly keeps: string;
  /** What stands there instead. */
  readonly breaks: string;
}

export async function alter({ name, file, keeps, breaks }: Alteration, copy: string): Promise<void> {
  const source = await readFile(join(copy, file), 'utf8');
  if (source.split(keeps).length !== 2) throw new Error(`${file} no longer holds the code of ${name}`);
  await writeFile(
    join(copy, file),
    source.replace(keeps, () => breaks),
  );
}
