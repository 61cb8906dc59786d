/** The words behind `npm run <tool> --`. */
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { parseWords, type Tool } from '../../../../standalone/maintenance/tool.ts';

const tool: Tool<{ to: string; data: string; 'drop-all': boolean }> = {
  name: 'backup',
  help: 'help',
  options: v.object({
    to: v.string(),
    data: v.optional(v.string(), '.berth'),
    'drop-all': v.optional(v.boolean(), false),
  }),
  examples: { to: '/mnt/backup', data: '/srv/berth' },
  switches: ['drop-all'],
};

function message(...words: string[]): string | undefined {
  const parsed = parseWords(tool, words);
  return parsed.kind === 'mistake' ? parsed.message : undefined;
}

describe('the words of a tool', () => {
  it.each([
    [['--to', 'b'], { to: 'b', data: '.berth', 'drop-all': false }],
    [['--data=d', '--to=b'], { to: 'b', data: 'd', 'drop-all': false }],
    [['--to=--odd'], { to: '--odd', data: '.berth', 'drop-all': false }],
    [['--drop-all', '--to', 'b'], { to: 'b', data: '.berth', 'drop-all': true }],
    [['--', '--to', 'b'], undefined],
  ])('%j', (words, options) => {
    const parsed = parseWords(tool, words);
    expect(parsed.kind === 'run' ? parsed.options : undefined).toEqual(options);
  });

  it('ask for help', () => {
    expect(parseWords(tool, ['--to', 'b', '--help'])).toEqual({ kind: 'help' });
    expect(parseWords(tool, ['-h'])).toEqual({ kind: 'help' });
  });

  it.each([
    [[], '--to needs a path, behind two dashes, for example: npm run backup -- --to /mnt/backup'],
    [['--to'], '--to needs a path, behind two dashes, for example: npm run backup -- --to /mnt/backup'],
    [['--to', '--data', 'd'], '--to needs a path, behind two dashes, for example: npm run backup -- --to /mnt/backup'],
    [
      ['--data=', '--to', 'b'],
      '--data needs a path, behind two dashes, for example: npm run backup -- --data /srv/berth',
    ],
    [['--to', 'b', '--drop-all=on'], '--drop-all takes no value. npm run backup -- --help lists the options.'],
    [['--from', 'b'], '"--from" is unknown. npm run backup -- --help lists the options.'],
    [['b'], '"b" is not an option. Options go behind two dashes: npm run backup -- --to /mnt/backup --data /srv/berth'],
  ])('%j are a mistake', (words, expected) => {
    expect(message(...words)).toBe(expected);
  });
});
