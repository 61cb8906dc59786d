/**
 * Text with stars in it: a star stands for any characters, none included. Nothing is ever tried twice: a run of literal text
 * is looked for from left to right, and the first place where it fits is as good as any other. So matching takes at most the
 * product of both lengths, whatever the pattern.
 */

/** The literal text between the stars. */
export type Words = readonly string[];

export function wordsOf(text: string): Words {
  return text.split('*');
}

/** Whether the text has these words in this order, the first at its start and the last at its end. */
export function fits(words: Words, text: string): boolean {
  const first = words[0] ?? '';
  if (words.length === 1) return text === first;
  const last = words.at(-1) ?? '';
  const end = text.length - last.length;
  if (first.length > end || !text.startsWith(first) || !text.endsWith(last)) return false;
  let at = first.length;
  for (let index = 1; index < words.length - 1; index += 1) {
    const word = words[index] ?? '';
    const found = text.indexOf(word, at);
    if (found === -1 || found + word.length > end) return false;
    at = found + word.length;
  }
  return true;
}
