/**
 * The lines of what a process prints. They end with a line feed alone: `readline` also ends them at U+2028 and U+2029,
 * which stand in what clients write, and so would have clients write lines of the log.
 */
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { StringDecoder } from 'node:string_decoder';

/** Whatever is longer is passed on in pieces, so that it does not fill the memory. */
const LONGEST_LINE_CHARACTERS = 1_048_576;

/** Fulfilled at the end of the stream, however that came. */
export async function eachLine(stream: Readable, take: (line: string) => void): Promise<void> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  stream.on('data', (bytes: Buffer) => {
    const [first = '', ...others] = decoder.write(bytes).split('\n');
    rest += first;
    for (const other of others) {
      take(withoutReturn(rest));
      rest = other;
    }
    if (rest.length < LONGEST_LINE_CHARACTERS) return;
    take(rest);
    rest = '';
  });
  await finished(stream, { writable: false }).catch(() => undefined);
  rest += decoder.end();
  if (rest !== '') take(withoutReturn(rest));
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}
