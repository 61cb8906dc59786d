/** docs/notifications.md as its tests read it, its blocks of code and its tables; and the blocks of the page beside it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const PAGE = page('notifications.md');
export const ADMIN_PAGE = page('notifications-admin.md');

function page(name: string): string {
  return readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', name), 'utf8');
}

export function blocksOf(language: 'json' | 'sh' | 'js' | 'python', text = PAGE): readonly string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))].map(([, block = '']) => block);
}

/** What stands under a heading, up to the next one. */
function sectionOf(heading: string): string {
  const [, after] = PAGE.split(`\n${heading}\n`);
  if (after === undefined) throw new Error(`the page has no "${heading}"`);
  return after.split(/^#{1,6} /m)[0] ?? '';
}

/** The rows of a section's table, without its head, as their cells. */
export function rowsOf(heading: string): readonly (readonly string[])[] {
  const rows = sectionOf(heading)
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.slice(2, -2).split(' | '));
  return rows.slice(2).map((cells) => cells.map((cell) => cell.trim()));
}

/** What stands between backquotes. */
export function namesIn(text: string): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
}

/** A block of endpoints, or of one that is left to stand in a list. */
export function documentOf(block: string): string {
  return block.includes('"endpoints":') ? block : `{"endpoints":[${block}]}`;
}
