/** README.md against the project: what it names as proof is there, with the sentences that it quotes. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..');
const page = readFileSync(join(ROOT, 'README.md'), 'utf8');
/** From the row of its title to the end of the table. */
const promises = page.slice(page.indexOf('| promise |')).split('\n\n')[0] ?? '';
const PATH = /`(test\/[\w./-]+)`(?:, "([^"]+)")?/g;

it('names tests of every promise, in places that are there', () => {
  const rows = promises.split('\n').slice(2);
  expect(rows.length).toBeGreaterThan(4);
  for (const row of rows) {
    const named = [...row.matchAll(PATH)].map(([, path = '']) => path);
    expect(named, row).not.toEqual([]);
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  }
});

it('quotes sentences that stand in these tests', () => {
  const quoted = [...page.matchAll(PATH)].filter(([, , sentence]) => sentence !== undefined);
  expect(quoted.length).toBeGreaterThan(0);
  for (const [, path = '', sentence = ''] of quoted) expect(readFileSync(join(ROOT, path), 'utf8')).toContain(sentence);
});

it('leads nowhere that is not there', () => {
  const links = [...page.matchAll(/\]\(((?!https?:)[^)#]+)(?:#([^)]+))?\)/g)];
  expect(links.length).toBeGreaterThan(20);
  for (const [, file = '', anchor] of links) {
    const path = join(ROOT, file);
    expect(existsSync(path), file).toBe(true);
    if (anchor === undefined || statSync(path).isDirectory()) continue;
    expect(anchorsOf(readFileSync(path, 'utf8')), `${file}#${anchor}`).toContain(anchor);
  }
});

/** As GitHub makes them of headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
