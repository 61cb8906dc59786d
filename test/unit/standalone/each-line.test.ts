/** What a process prints, line by line. */
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { eachLine } from '../../../standalone/each-line.ts';

async function linesOf(...pieces: readonly (string | Buffer)[]): Promise<string[]> {
  const stream = new PassThrough();
  const lines: string[] = [];
  const over = eachLine(stream, (line) => lines.push(line));
  for (const piece of pieces) stream.write(piece);
  stream.end();
  await over;
  return lines;
}

describe('lines of a process', () => {
  it('end with a line feed alone', async () => {
    const line = 'a\u2028b\u2029c\u0085d\re\vf';
    expect(await linesOf(`${line}\nsecond\r\n\nlast`)).toEqual([line, 'second', '', 'last']);
  });

  it('may come in pieces that divide a character', async () => {
    const bytes = Buffer.from('one é\ntwo\n');
    expect(await linesOf(...[...bytes].map((byte) => Buffer.of(byte)))).toEqual(['one é', 'two']);
  });

  it('are passed on in pieces where one has no end', async () => {
    const piece = 'x'.repeat(600_000);
    expect((await linesOf(piece, piece, `${piece}\n`)).map(({ length }) => length)).toEqual([1_200_000, 600_000]);
  });

  it('end with a stream that breaks', async () => {
    const stream = new PassThrough();
    const lines: string[] = [];
    const over = eachLine(stream, (line) => lines.push(line));
    const came = once(stream, 'data');
    stream.write('one\ntw');
    await came;
    stream.destroy(new Error('broken on purpose'));
    await over;
    expect(lines).toEqual(['one', 'tw']);
  });
});
