/**
 * The pages that describe what the code declares, against the code: docs/configuration.md has every setting of
 * src/config.ts and of standalone/settings/, and no other, docs/storage.md every table and column of every object.
 * Settings and columns are known by their names in the sources, since the schemas are the business of their files alone.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseConfig, ConfigurationError } from '../../src/config.ts';
import { defaultOf, shapeOf } from '../../standalone/settings/setting.ts';
import { SETTINGS } from '../../standalone/settings/table.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

const page = read('docs/configuration.md');
const settings = [...new Set([...read('src/config.ts').matchAll(/^ {2}(BERTH_[A-Z_]+):/gm)].map(([, name]) => name))];
/** `| setting | type | default | range | effect |` */
const rows = new Map(
  [...page.matchAll(/^\| `(BERTH_[A-Z_]+)` \|(.*)\|$/gm)].map(([, name, cells = '']) => [
    name,
    cells.split(' | ').map((cell) => cell.trim()),
  ]),
);

function refusal(environment: Record<string, string>): string | undefined {
  try {
    parseConfig(environment);
    return undefined;
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message;
    throw error;
  }
}

describe('docs/configuration.md', () => {
  it('has a row for every setting of src/config.ts, and for nothing else', () => {
    expect(settings.length).toBeGreaterThan(5);
    expect([...rows.keys()].sort()).toEqual([...settings].sort());
  });

  it('names no setting anywhere that does not exist', () => {
    const named = [...page.matchAll(/\bBERTH_[A-Z_]*[A-Z]\b/g)].map(([name]) => name);
    const known = new Set(SETTINGS.map(({ variable }) => variable));
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  it('says of each setting its type, default, range and effect', () => {
    for (const [name, cells] of rows) {
      expect(cells, name).toHaveLength(4);
      for (const cell of cells) expect(cell, name).not.toBe('');
    }
  });

  it('gives words that the setting takes, and no others', () => {
    const words = [...rows].filter(([, [type]]) => type === 'word');
    expect(words.length).toBeGreaterThan(0);
    for (const [name = '', [, , range = '']] of words) {
      const listed = [...range.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);
      for (const word of listed) expect(refusal({ [name]: word }), `${name}=${word}`).toBeUndefined();
      expect(refusal({ [name]: 'no such word' })).toBe(`${name} must be one of ${listed.join(', ')}`);
    }
  });

  it('gives the numbers between which the setting may lie', () => {
    const numbers = [...rows].filter(([, [type]]) => type === 'whole number');
    expect(numbers.length).toBeGreaterThan(0);
    for (const [name = '', [, standard = '', range = '']] of numbers) {
      const [, least = '', most = ''] = /^(\d+) to (\d+)/.exec(range) ?? [];
      // A grace has to be as long as an upload: the shortest upload leaves it the whole range.
      const others: Record<string, string> = { BERTH_UPLOAD_EXPIRY_SECONDS: '1' };
      if (name === 'BERTH_UPLOAD_EXPIRY_SECONDS') others['BERTH_GRACE_SECONDS'] = '0';
      for (const value of [least, most, /^\d+/.exec(standard)?.[0] ?? '']) {
        expect(refusal({ ...others, [name]: value }), `${name}=${value}`).toBeUndefined();
      }
      expect(refusal({ ...others, [name]: String(Number(most) + 1) })).toBe(
        `${name} must be a whole number from ${least} to ${most}`,
      );
      if (Number(least) > 0) {
        expect(refusal({ ...others, [name]: String(Number(least) - 1) })).toBe(
          `${name} must be a whole number from ${least} to ${most}`,
        );
      }
    }
  });

  it('gives the defaults that hold when nothing is set', () => {
    const given = Object.fromEntries(
      [...rows].flatMap(([name = '', [, standard = '']]) => {
        const value = /^`(.+)`$/.exec(standard)?.[1] ?? /^\d+/.exec(standard)?.[0];
        return value === undefined ? [] : [[name, value]];
      }),
    );
    expect(Object.keys(given).length).toBeGreaterThan(5);
    expect(parseConfig(given)).toEqual(parseConfig({}));
  });
});

describe('docs/configuration.md, of npm start', () => {
  /** `| `--port N` | default | effect |` */
  const options = new Map(
    [...page.matchAll(/^\| `--([a-z-]+)(?: ([A-Z]+))?`(?:, `-h`)? \|(.*)\|$/gm)].map(
      ([, name = '', value, cells = '']) => [name, { value, cells: cells.split(' | ').map((cell) => cell.trim()) }],
    ),
  );
  /** A `-file` is explained with the secrets, for all of them. */
  const own = SETTINGS.filter(
    ({ reader, fileOf, isSecret }) => reader === 'program' && fileOf === undefined && isSecret !== true,
  );

  it('has a row for each setting that the program reads, with what stands for its value', () => {
    for (const { name, schema, value, ...setting } of own) {
      const isOff = shapeOf(schema).kind === 'switch' && defaultOf({ schema, ...setting }) === 'on';
      expect(options.get(isOff ? `no-${name}` : name)?.value, name).toBe(value);
    }
  });

  it('has no row for what is no option', () => {
    const flags = SETTINGS.flatMap(({ name, flag }) => (flag === undefined ? [] : [name, `no-${name}`]));
    expect([...options.keys()].filter((name) => !flags.includes(name))).toEqual(['version', 'help']);
  });

  it('says the defaults', () => {
    for (const { name, ...setting } of own) {
      const cells = options.get(name)?.cells ?? options.get(`no-${name}`)?.cells ?? [];
      const said = cells[0]?.replaceAll('`', '') ?? '';
      const isSwitch = shapeOf(setting.schema).kind === 'switch';
      if (!isSwitch || said !== '') expect(said, name).toBe(defaultOf(setting) ?? '');
    }
  });

  it('gives examples that are right', () => {
    const flags = [...page.matchAll(/(?<=[ `])--([a-z][a-z-]+)/g)].map(([, name = '']) => name.replace(/^no-/, ''));
    const known = ['version', 'help', 'json', 'silent', 'prefix', 'var', 'new', ...SETTINGS.map(({ name }) => name)];
    expect(flags.filter((name) => !known.includes(name))).toEqual([]);
  });
});

describe('docs/storage.md', () => {
  const storage = read('docs/storage.md');
  /** From a heading of the third level to the next heading. */
  const section = (title: string): string => storage.split(/^#{2,3} /m).find((part) => part.startsWith(title)) ?? '';
  const tablesOf = (sql: string): { table: string; columns: string[] }[] =>
    [...sql.matchAll(/CREATE TABLE (\w+) \(([\s\S]*?)\n {2}\)/g)].map(([, table = '', body = '']) => ({
      table,
      columns: [...body.matchAll(/^ {4}([a-z_]+) (?:TEXT|INTEGER|BLOB)/gm)].map(([, column = '']) => column),
    }));

  it.each([
    ['`Repository`', 'src/objects/repository/schema.ts', 8],
    ['`Repository`', 'src/objects/attempts.ts', 1],
    ['`Upload`', 'src/objects/upload/schema.ts', 3],
    ['`Upload`', 'src/objects/attempts.ts', 1],
    ['`BlobDirectory`', 'src/objects/blob-directory/schema.ts', 4],
    ['`Catalog`', 'src/objects/catalog/schema.ts', 1],
    ['`Accounts`', 'src/objects/accounts/schema.ts', 6],
    ['In every object', 'src/objects/tasks.ts', 1],
  ])('names every table of %s and each of its columns', (title, file, least) => {
    const named = section(title);
    const tables = tablesOf(read(file));
    expect(tables.length).toBeGreaterThanOrEqual(least);
    for (const { table, columns } of tables) {
      expect(columns.length, table).toBeGreaterThan(0);
      for (const name of [table, ...columns]) expect(named, `${table}.${name}`).toContain(`\`${name}\``);
    }
  });
});
