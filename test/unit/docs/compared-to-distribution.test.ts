/**
 * docs/compared-to-distribution.md: it has each section of distribution's guides, in their order, and every page, section, setting
 * and option that it names is there.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CONFIGURATION, DEPLOYING } from './distribution-headings.ts';

const DOCS = join(import.meta.dirname, '..', '..', '..', 'docs');
const NAME = 'compared-to-distribution.md';
const read = (path: string): string => readFileSync(join(DOCS, path), 'utf8');

const page = read(NAME);
/** From a heading of the second level to the next one. */
const section = (title: string): string => page.split(/^## /m).find((part) => part.startsWith(title)) ?? '';
const rowsOf = (title: string): string[][] =>
  [...section(title).matchAll(/^\| (.*) \|$/gm)].slice(2).map(([, row = '']) => row.split(' | '));

/** As GitHub makes them: lower case, without what is neither letter, digit, hyphen nor underscore. */
function anchorsOf(text: string): Set<string> {
  const prose = text.replaceAll(/^```[\s\S]*?^```/gm, '');
  const titles = [...prose.matchAll(/^#{1,6} (.+)$/gm)].map(([, title = '']) => title.toLowerCase());
  return new Set(titles.map((title) => title.replaceAll(/[^\p{L}\p{N}\-_ ]/gu, '').replaceAll(' ', '-')));
}

describe(`docs/${NAME}`, () => {
  it.each([
    ['The deployment guide', DEPLOYING],
    ['The configuration reference', CONFIGURATION],
  ])('answers each section of the other side, in its order: %s', (title, headings) => {
    const rows = rowsOf(title);
    expect(rows.map(([heading]) => heading)).toEqual(headings);
    for (const cells of rows) expect(cells, cells[0]).toHaveLength(3);
  });

  it('leads to pages and sections that are there', () => {
    const links = [...page.matchAll(/\]\((?!https:)([^)#]+)(?:#([^)]+))?\)/g)];
    expect(links.length).toBeGreaterThan(50);
    for (const [link, path = '', anchor] of links) {
      expect(existsSync(join(DOCS, path)), link).toBe(true);
      if (anchor !== undefined) expect([...anchorsOf(read(path))], link).toContain(anchor);
    }
  });

  it('names settings and options that are there', () => {
    const configuration = read('configuration.md');
    const own = page.replaceAll(/`(?:docker|REGISTRY)[^`]*`/g, '').replaceAll('`--restart=always`', '');
    const names = [...own.matchAll(/`(BERTH_[A-Z_]+|--[a-z-]+)/g)].map(([, name = '']) => name);
    expect(names.length).toBeGreaterThan(20);
    for (const name of names) {
      if (name !== 'BERTH_') expect(configuration, name).toContain(`\`${name}`);
    }
  });
});
