/** The name that somebody probably meant. Pure. */

/** A name that differs in more than these from every known one, and is no part of one, is not taken for any of them. */
const MOST_MISTYPED_CHARACTERS = 4;

/** @param name without what all names begin with, such as `BERTH_` or two dashes; empty where there is nothing else */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const [first] = known
    .map((one) => ({ one, distance: name !== '' && one.includes(name) ? 0 : distance(name, one) }))
    .sort((one, other) => one.distance - other.distance);
  return name !== '' && first !== undefined && first.distance <= allowed(name, first.one) ? first.one : undefined;
}

/** Of a short name, most of it has to be right. */
function allowed(name: string, known: string): number {
  return Math.min(MOST_MISTYPED_CHARACTERS, Math.ceil(Math.min(name.length, known.length) / 2));
}

/** How many characters have to be inserted, dropped or replaced (Levenshtein). */
function distance(one: string, other: string): number {
  const wanted = other.split('');
  let row = [0, ...wanted.map((_, column) => column + 1)];
  for (const [index, character] of one.split('').entries()) {
    const next = [index + 1];
    for (const [column, candidate] of wanted.entries()) {
      const replaced = (row[column] ?? 0) + (character === candidate ? 0 : 1);
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
