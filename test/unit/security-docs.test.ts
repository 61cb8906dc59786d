/** docs/security.md against the tests: each file that it names is there, with each sentence that it quotes behind the name. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..');
const page = readFileSync(join(ROOT, 'docs', 'security.md'), 'utf8');

interface Named {
  readonly file: string;
  readonly sentences: readonly string[];
}

/** A file without a folder is in that of the one before it in its row, or in `test/workers/`. */
function namedIn(row: string): Named[] {
  let folder = 'test/workers';
  return row.split(/(?=`[\w./-]+\.test\.ts`)/).flatMap((part) => {
    const name = /^`([\w./-]+\.test\.ts)`/.exec(part)?.[1];
    if (name === undefined) return [];
    const places = name.startsWith('test/') ? [name] : [join('test/workers', name), join(folder, name)];
    const file = places.find((place) => existsSync(join(ROOT, place))) ?? name;
    folder = dirname(file);
    return [{ file, sentences: [...part.matchAll(/"([^"]+)"/g)].map(([, sentence = '']) => sentence) }];
  });
}

const NAMED: readonly Named[] = page
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .flatMap(namedIn);

it('names tests, in files that are there', () => {
  expect(NAMED.length).toBeGreaterThan(60);
  expect(NAMED.map(({ file }) => file).filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
});

it('quotes sentences that stand in these files', () => {
  const missing = NAMED.flatMap(({ file, sentences }) => {
    const path = join(ROOT, file);
    const source = existsSync(path) ? readFileSync(path, 'utf8').replaceAll('’', "'") : '';
    return sentences
      .filter((sentence) =>
        sentence
          .replaceAll('’', "'")
          .split('…')
          .map((part) => part.trim())
          .some((part) => !source.includes(part)),
      )
      .map((sentence) => `${file}: ${sentence}`);
  });
  expect(missing).toEqual([]);
});
