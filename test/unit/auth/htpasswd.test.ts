import { describe, expect, it } from 'vitest';
import { htpasswdMark, htpasswdOf, lineOfMark, parseHtpasswd } from '../../../src/auth/htpasswd.ts';
import { parseConfig } from '../../../src/config.ts';

const HASH = `$2y$05$${'a'.repeat(53)}`;
const OTHER_HASH = `$2b$05$${'b'.repeat(53)}`;

const lines = (text: string, maxCost = 12) => {
  const result = parseHtpasswd(text, maxCost);
  if (result.kind === 'mistakes') throw new Error(result.mistakes.join('; '));
  return result.lines;
};
const mistakes = (text: string, maxCost = 12) => {
  const result = parseHtpasswd(text, maxCost);
  return result.kind === 'mistakes' ? result.mistakes : [];
};

describe('an htpasswd file', () => {
  it('has a line for each name, and empty ones and remarks between them', () => {
    const text = `# people\r\nalice:${HASH}\r\n\r\nbob@example.com:${OTHER_HASH}\n  \n`;
    expect([...lines(text).values()]).toMatchObject([
      { name: 'alice', hash: HASH, cost: 5 },
      { name: 'bob@example.com', hash: OTHER_HASH, cost: 5 },
    ]);
    expect(lines('').size).toBe(0);
  });

  it.each(['$2a$', '$2b$', '$2y$'])('takes bcrypt as %s', (version) => {
    expect(lines(`alice:${version}10$${'a'.repeat(53)}`).get('alice')?.cost).toBe(10);
  });

  it.each([
    ['MD5', '$apr1$abcdefgh$0123456789abcdefghijkl'],
    ['SHA-1', '{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g='],
    ['SHA-512', '$6$saltsalt$hash'],
    ['crypt', 'rqXexS6ZhobKA'],
    ['a plain password', 'opensesame'],
    ['nothing', ''],
    ['bcrypt that is cut short', HASH.slice(0, -1)],
    ['bcrypt with something behind it', `${HASH}:extra`],
    ['bcrypt of a version that is broken', `$2x$05$${'a'.repeat(53)}`],
  ])('refuses a hash that is %s, by its name and without the hash', (_what, hash) => {
    const [mistake = '', ...others] = mistakes(`bob:${OTHER_HASH}\nalice:${hash}`);
    expect(others).toEqual([]);
    expect(mistake).toBe(
      "line 2 has a hash for alice that is not bcrypt's ($2a$, $2b$ or $2y$): htpasswd -B makes one",
    );
    if (hash !== '') expect(mistake).not.toContain(hash);
  });

  it('refuses a cost above the setting, and below what bcrypt has', () => {
    const costing = (cost: string) => `alice:$2y$${cost}$${'a'.repeat(53)}`;
    expect(mistakes(costing('12'), 12)).toEqual([]);
    expect(mistakes(costing('13'), 12)).toEqual([
      'line 1 has a hash for alice of cost 13, where BERTH_HTPASSWD_MAX_COST allows 4 to 12',
    ]);
    expect(mistakes(costing('03'))[0]).toContain('of cost 3');
    expect(mistakes(costing('99'))[0]).toContain('of cost 99');
  });

  it('refuses a second line for a name', () => {
    expect(mistakes(`alice:${HASH}\nalice:${OTHER_HASH}`)).toEqual(['line 2 is a second one for alice']);
  });

  it.each(['', 'a b', 'a/b', '*', '{user}', '-a', 'a\tb', 'é', 'x'.repeat(129), 'a"b', ' alice'])(
    'refuses the name %j, which a rule could not have',
    (name) => {
      expect(mistakes(`${name}:${HASH}`)[0]).toMatch(/^line 1 has a name that is not/);
    },
  );

  it('does not repeat a line that may be a password', () => {
    expect(mistakes('correct horse battery staple')).toEqual(['line 1 is not a name, a colon and a hash']);
  });

  it('tells ten mistakes at most', () => {
    expect(mistakes('x\n'.repeat(50))).toHaveLength(10);
  });
});

describe('the mark of a line', () => {
  const [alice] = lines(`alice:${HASH}`).values();
  if (alice === undefined) throw new Error('no line');

  it('finds the line as long as it stands as it was', () => {
    const mark = htpasswdMark(alice);
    expect(mark).toMatch(/^htpasswd:alice:[0-9a-f]{32}$/);
    expect(lineOfMark(lines(`bob:${OTHER_HASH}\nalice:${HASH}`), mark)).toEqual(alice);
    expect(lineOfMark(lines(`alice:${OTHER_HASH}`), mark)).toBeUndefined();
    expect(lineOfMark(lines(`bob:${HASH}`), mark)).toBeUndefined();
    expect(lineOfMark(new Map(), mark)).toBeUndefined();
  });

  it('is not made by anything else', () => {
    for (const mark of ['', 'alice', 'htpasswd:alice', 'htpasswd:alice:', htpasswdMark(alice).replace('htpasswd', 'x')])
      expect(lineOfMark(lines(`alice:${HASH}`), mark), mark).toBeUndefined();
  });
});

describe('the setting BERTH_HTPASSWD', () => {
  it('goes on in numbered parts, in the order of their numbers', () => {
    const config = parseConfig({
      BERTH_HTPASSWD_10: `carol:${HASH}`,
      BERTH_HTPASSWD_2: `bob:${HASH}\n`,
      BERTH_HTPASSWD: `alice:${HASH}`,
    });
    expect([...htpasswdOf(config).keys()]).toEqual(['alice', 'bob', 'carol']);
  });

  it('has no part of another number', () => {
    const others = ['BERTH_HTPASSWD_1', 'BERTH_HTPASSWD_02', 'BERTH_HTPASSWD_100', 'BERTH_HTPASSWD_X'];
    for (const name of others) expect(parseConfig({ [name]: `alice:${HASH}` }).htpasswd, name).toBe('');
  });

  it('names each mistake, and no hash', () => {
    const config = parseConfig({ BERTH_HTPASSWD: `alice:opensesame\nbob:${HASH}`, BERTH_HTPASSWD_2: `bob:${HASH}` });
    expect(() => htpasswdOf(config)).toThrow(
      "BERTH_HTPASSWD line 1 has a hash for alice that is not bcrypt's ($2a$, $2b$ or $2y$): htpasswd -B makes one; " +
        'BERTH_HTPASSWD line 3 is a second one for bob',
    );
  });

  it('may have a mebibyte', () => {
    expect(() => parseConfig({ BERTH_HTPASSWD: '#'.repeat(1_048_577) })).toThrow('BERTH_HTPASSWD must have at most');
  });
});
