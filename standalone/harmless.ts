/**
 * Text from outside on a terminal: whatever a client, workerd or another registry wrote, it moves no cursor, changes no
 * title and turns no line around (CVE-2021-42574). Pure.
 */

/** Control characters of C0 and C1, and those of Unicode that break lines or change the direction of text. */
const COMMANDS = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
const LAST_OF_ONE_BYTE = 0xff;

/** With each of them made visible: `\x1b`, `\u202e`. */
export function harmless(text: string): string {
  return text.replace(COMMANDS, (character) => {
    const code = character.charCodeAt(0);
    return code <= LAST_OF_ONE_BYTE
      ? `\\x${code.toString(16).padStart(2, '0')}`
      : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}
