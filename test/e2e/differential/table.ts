/** The table of docs/compatibility-distribution.md, read back: a row is one request and the two answers, with the reason. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Difference } from './comparison.ts';

const PAGE = join(import.meta.dirname, '..', '..', '..', 'docs', 'compatibility-distribution.md');
const CELL = /^`([^`]+)`$/;
/** One that says less says nothing. */
const SHORTEST_REASON_CHARACTERS = 12;

interface Row extends Difference {
  readonly reason: string;
}

export function readTable(): readonly Row[] {
  return parseTable(readFileSync(PAGE, 'utf8'));
}

/** Every row of a page, in its order. Throws for a line that looks like one and is none, and for a request that stands twice. */
export function parseTable(page: string): readonly Row[] {
  const rows = page
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map(readRow);
  const twice = rows.find(({ id }, index) => rows.findIndex((row) => row.id === id) !== index);
  if (twice !== undefined) throw new Error(`${twice.id} stands twice in the table`);
  return rows;
}

/** As it has to stand in the page. */
export function formatRow({ id, request, berth, distribution }: Difference, reason: string): string {
  const cells = [id, request, berth, distribution].map((cell) => `\`${cell.replaceAll('|', '¦')}\``);
  return `| ${cells.join(' | ')} | ${reason} |`;
}

function readRow(line: string): Row {
  const cells = line
    .replace(/^\| | \|$/g, '')
    .split(' | ')
    .map((cell) => cell.trim());
  const reason = cells.pop() ?? '';
  const [id, request, berth, distribution, ...more] = cells.map((cell) => CELL.exec(cell)?.[1]);
  const isWhole = id !== undefined && request !== undefined && berth !== undefined && distribution !== undefined;
  if (!isWhole || more.length > 0 || reason.length < SHORTEST_REASON_CHARACTERS) {
    throw new Error(`a row is | \`id\` | \`request\` | \`Berth\` | \`distribution\` | reason |, not: ${line}`);
  }
  return { id, request, berth, distribution, reason };
}
