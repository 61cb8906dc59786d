/** What proves a proxy, and what its word is taken for. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isThroughProxy, proxyProof } from '../../../src/auth/proxy-proof.ts';
import { ConfigurationError, parseConfig } from '../../../src/config.ts';
import { settingOfVariable } from '../../../standalone/settings/table.ts';

const SECRET = 'a-secret-of-32-characters-exactly';
const PREVIOUS = 'f'.repeat(64);
const BOTH = parseConfig({ BERTH_PROXY_SECRET: SECRET, BERTH_PROXY_SECRET_PREVIOUS: PREVIOUS });

type Given = readonly (readonly [name: string, value: string])[];

const prove = (given: Given, config = BOTH) => proxyProof(new Headers(given.map(([...one]) => one)), config);
const named = (...names: string[]) =>
  prove([['X-Berth-Proxy-Secret', SECRET], ...names.map((name) => ['X-Berth-User', name] as const)]);

describe('a proxy', () => {
  it('that proves itself says who asks', () => {
    expect(named('alice')).toEqual({ kind: 'proven', principal: { kind: 'proxy', name: 'alice', limits: [] } });
  });

  it('may name nobody', () => {
    for (const proof of [named(), named('')])
      expect(proof).toEqual({ kind: 'proven', principal: { kind: 'anonymous' } });
  });

  it('proves itself with either secret while one is replaced', () => {
    for (const secret of [SECRET, PREVIOUS])
      expect(isThroughProxy(prove([['x-berth-proxy-secret', secret]]))).toBe(true);
    expect(prove([['x-berth-proxy-secret', PREVIOUS]], parseConfig({ BERTH_PROXY_SECRET: SECRET }))).toEqual({
      kind: 'wrong',
    });
  });

  it('proves nothing where no secret is set', () => {
    const given: Given = [
      ['X-Berth-Proxy-Secret', SECRET],
      ['X-Berth-User', 'alice'],
    ];
    expect(prove(given, parseConfig({}))).toEqual({ kind: 'none' });
  });

  it('that sends no secret is none, whomever it names', () => {
    expect(prove([['X-Berth-User', 'alice']])).toEqual({ kind: 'none' });
  });

  it.each<[what: string, secrets: string[]]>([
    ['empty', ['']],
    ['another', ['0'.repeat(SECRET.length)]],
    ['a part of the right one', [SECRET.slice(0, -1)]],
    ['more than the right one', [`${SECRET}0`]],
    ['the right one in capitals', [SECRET.toUpperCase()]],
    ['the right one twice', [SECRET, SECRET]],
    ['the right one behind a wrong one', ['x', SECRET]],
    ['the right one before an empty one', [SECRET, '']],
    ['longer than any', ['a'.repeat(100_000)]],
    ['no ASCII', ['é'.repeat(32)]],
  ])('does not prove itself with a secret that is %s', (_, secrets) => {
    const given: Given = secrets.map((secret) => ['X-Berth-Proxy-Secret', secret]);
    expect(prove([...given, ['X-Berth-User', 'alice']])).toEqual({ kind: 'wrong' });
  });

  it('does not prove itself with anything but a secret', () => {
    const header = fc.stringMatching(/^[!-~][ -~]{0,300}$/);
    fc.assert(
      fc.property(header, (text) => {
        fc.pre(![SECRET, PREVIOUS].includes(text.trim()));
        expect(prove([['x-berth-proxy-secret', text]])).toEqual({ kind: 'wrong' });
      }),
    );
  });
});

describe('a name', () => {
  it.each(['alice', 'Alice', 'a', '7', 'alice@example.org', 'example/alice', 'a.b_c-d+e:f', 'a'.repeat(128)])(
    'is taken as it is: %s',
    (name) => {
      expect(named(name)).toMatchObject({ principal: { kind: 'proxy', name } });
    },
  );

  it.each([
    ...['alice bob', 'alice,bob', '"alice"', "al'ice", 'alice;', 'al\\ice', '<alice>', 'alice=admin', '*', '{user}'],
    ...['élise', '-alice', '.alice', '@alice', 'a'.repeat(129), 'al\tice'],
  ])('is nobody where it could be mistaken: %s', (name) => {
    const proof = named(name);
    expect(proof).toEqual({ kind: 'odd-name' });
    expect(isThroughProxy(proof)).toBe(true);
  });

  it('is nobody where it comes twice', () => {
    for (const names of [
      ['alice', 'bob'],
      ['alice', 'alice'],
      ['', 'alice'],
      ['alice', ''],
    ])
      expect(named(...names)).toEqual({ kind: 'odd-name' });
  });
});

describe('the setting', () => {
  it.each(['', 'x'.repeat(31), 'x'.repeat(257), `${'x'.repeat(31)} `, `"${'x'.repeat(32)}"`, 'x,'.repeat(16)])(
    'refuses what is no secret, and does not repeat it: %s',
    (text) => {
      for (const name of ['BERTH_PROXY_SECRET', 'BERTH_PROXY_SECRET_PREVIOUS']) {
        expect(settingOfVariable(name)?.isSecret).toBe(true);
        const problem = 'must be 32 to 256 letters, digits and . _ ~ + / = -: openssl rand -hex 32 makes one';
        expect(() => parseConfig({ [name]: text })).toThrow(new ConfigurationError(`${name} ${problem}`));
      }
    },
  );
});
