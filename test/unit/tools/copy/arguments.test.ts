/** The options of `npm run copy -- …`. */
import { describe, expect, it } from 'vitest';
import { HELP, parseArguments, type Command } from '../../../../tools/copy/arguments.ts';
import { parseRepositoryList } from '../../../../tools/copy/repository-list.ts';

const BOTH = ['--from', 'http://old:5000', '--to', 'http://127.0.0.1:8787'];
const DEFAULTS = {
  from: { url: new URL('http://old:5000'), credentials: undefined },
  to: { url: new URL('http://127.0.0.1:8787'), credentials: undefined },
  repositories: [],
  repositoriesFile: undefined,
  parallel: 4,
  chunkBytes: undefined,
  reportFile: undefined,
  dryRun: false,
};

const parse = (words: readonly string[], environment: Record<string, string> = {}): Command =>
  parseArguments(words, environment);

describe('the options', () => {
  it.each([
    [[], {}],
    [['--parallel=16'], { parallel: 16 }],
    [['--dry-run'], { dryRun: true }],
    [['--json', 'r.json'], { reportFile: 'r.json' }],
    [['--repositories', 'names.txt'], { repositoriesFile: 'names.txt' }],
    [['--repository', 'a', '--repository=b/c'], { repositories: ['a', 'b/c'] }],
    [['--chunk-size', '65536'], { chunkBytes: 65_536 }],
    [['--chunk-size', '90MB'], { chunkBytes: 90_000_000 }],
    [['--chunk-size', '64MiB'], { chunkBytes: 67_108_864 }],
    [
      ['--from', 'https://registry.example.org/'],
      { from: { ...DEFAULTS.from, url: new URL('https://registry.example.org') } },
    ],
  ])('%j', (words, changes) => {
    expect(parse([...BOTH, ...words])).toEqual({ kind: 'copy', options: { ...DEFAULTS, ...changes } });
  });

  it('take passwords from the environment', () => {
    const words = [...BOTH, '--from-user', 'ann', '--to-user', 'bob'];
    const environment = { BERTH_COPY_FROM_PASSWORD: 'a:b', BERTH_COPY_TO_PASSWORD: 'c' };
    expect(parse(words, environment)).toMatchObject({
      options: {
        from: { credentials: { user: 'ann', password: 'a:b' } },
        to: { credentials: { user: 'bob', password: 'c' } },
      },
    });
  });

  it('ask for help', () => {
    expect(parse(['--help'])).toEqual({ kind: 'help' });
    expect(parse([...BOTH, '-h'])).toEqual({ kind: 'help' });
    for (const option of ['--from', '--to', '--from-user', '--to-user', '--repository', '--repositories', '--parallel'])
      expect(HELP).toContain(`  ${option} `);
    for (const option of ['--chunk-size', '--json', '--dry-run']) expect(HELP).toContain(`  ${option}`);
  });
});

describe('a mistake', () => {
  it.each([
    [[], '--from needs a value, for example: npm run copy -- --from http://old:5000'],
    [['--from', 'http://old:5000'], '--to needs a value, for example: npm run copy -- --to http://127.0.0.1:8787'],
    [['--from', '--to', 'x'], '--from needs a value, for example: npm run copy -- --from http://old:5000'],
    [[...BOTH, 'x'], '"x" belongs to no option. npm run copy -- --help lists the options.'],
    [[...BOTH, '--form', 'x'], '"--form" is unknown. npm run copy -- --help lists the options.'],
    [[...BOTH, '--dry-run=1'], '--dry-run takes no value.'],
    [[...BOTH, '--parallel', '0'], '--parallel needs a whole number from 1 to 16.'],
    [[...BOTH, '--parallel', '17'], '--parallel needs a whole number from 1 to 16.'],
    [[...BOTH, '--chunk-size', '1'], '--chunk-size needs a size of at least 64KiB, such as 64MiB or 90MB.'],
    [[...BOTH, '--chunk-size', 'all'], '--chunk-size needs a size of at least 64KiB, such as 64MiB or 90MB.'],
    [[...BOTH, '--repository', 'A'], '--repository "A" is no name of a repository, such as team/app.'],
    [['--from', 'old:5000'], '--from "old:5000" is no address of a registry, such as http://old:5000.'],
    [['--from', 'ftp://old'], '--from "ftp://old" is no address of a registry, such as http://old:5000.'],
    [
      ['--from', 'https://old/team/app'],
      '--from is the registry alone, https://old: a single repository is named by --repository team/app.',
    ],
    [
      ['--from', 'http://a:5000', '--to', 'http://a:5000/'],
      '--from and --to are the same registry, http://a:5000: name two.',
    ],
    [
      [...BOTH, '--from-user', 'ann'],
      '--from-user needs the password in the environment variable BERTH_COPY_FROM_PASSWORD, for example: read -rs BERTH_COPY_FROM_PASSWORD; export BERTH_COPY_FROM_PASSWORD',
    ],
  ])('%j', (words, message) => {
    expect(parse(words)).toEqual({ kind: 'mistake', message });
  });

  it('with a password in an address is told without it', () => {
    for (const words of [
      ['--from', 'http://ann:secret@old:5000', '--to', 'http://new'],
      ['--from', 'http://old', '--to', 'https://ann:secret@new'],
      ['--from', 'ann:secret@old'],
      ['ann:secret@old'],
      ['http://ann:secret@old'],
    ]) {
      const parsed = parse(words);
      expect(parsed.kind).toBe('mistake');
      expect(JSON.stringify(parsed)).not.toContain('secret');
    }
    expect(parse(['--from', 'http://ann:secret@old:5000', '--to', 'http://new'])).toEqual({
      kind: 'mistake',
      message:
        '--from must not hold a user and a password, which everyone could read in the list of processes: give --from-user NAME, and the password in the environment variable BERTH_COPY_FROM_PASSWORD.',
    });
  });

  it('is a password of nobody, and a user with a colon', () => {
    const environment = { BERTH_COPY_TO_PASSWORD: 'secret' };
    expect(parse(BOTH, environment)).toEqual({
      kind: 'mistake',
      message: 'BERTH_COPY_TO_PASSWORD is set, but not whose password it is: give --to-user NAME too.',
    });
    expect(parse([...BOTH, '--to-user', 'a:b'], environment)).toMatchObject({
      message: '--to-user must not hold a colon: give the name alone.',
    });
  });
});

describe('a list of repositories', () => {
  it('has one name a line, comments, and each name once', () => {
    expect(parseRepositoryList('# all\nteam/app\r\n\n  b # the second\nteam/app\n')).toEqual(['team/app', 'b']);
  });

  it.each([
    ['team/app\nTeam\n', 'line 2, "Team", is no name of a repository'],
    ['# nothing\n', 'the file names no repository'],
  ])('is refused: %j', (text, reason) => {
    expect(parseRepositoryList(text)).toBe(reason);
  });
});
