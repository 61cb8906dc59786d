/**
 * The file of settings: TOML 1.0, flat, a key a setting, such as `port = 8788`. Its values have TOML's types; here they become
 * the text that a flag would have. Relative paths in it start where the file lies.
 */
import { dirname, isAbsolute, join } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { settingFile } from '../setting-file.ts';
import { StartFailure } from '../start-failure.ts';
import { exampleOf } from './flags.ts';
import { placeOf, quote, type Given, type Origin, type Problem } from './given.ts';
import { nearest } from './nearest.ts';
import { nameOf, shapeOf, VARIABLE_PREFIX, type Setting } from './setting.ts';
import { SETTINGS, settingNamed } from './table.ts';

const LONGEST_CHARACTERS = 65_536;

export interface FromFile {
  readonly given: readonly Given[];
  readonly problems: readonly Problem[];
}

/** @param place where it is named: `--config`, or `BERTH_CONFIG` */
export function readSettingsFile(file: string, place: string): FromFile {
  try {
    return parseSettingsFile(file, settingFile(place, file, LONGEST_CHARACTERS));
  } catch (error) {
    if (!(error instanceof StartFailure)) throw error;
    return { given: [], problems: [{ path: place, message: error.message.slice(place.length + 1) }] };
  }
}

/** @param file its path, as it was typed */
export function parseSettingsFile(file: string, text: string): FromFile {
  const given: Given[] = [];
  const problems: Problem[] = [];
  for (const [key, value] of Object.entries(tableOf(file, text, problems))) {
    const origin: Origin = { kind: 'file', file, key };
    const path = placeOf(origin);
    const setting = settingNamed(key);
    if (setting === undefined || key === 'config') {
      problems.push({ path, message: unknown(key, value) });
      continue;
    }
    if (setting.isForCloudflare === true) {
      problems.push({ path, message: 'is a setting for Cloudflare alone. Take it away.' });
      continue;
    }
    const read = textOf(setting, value);
    if (read === undefined) problems.push({ path, message: wrongType(setting, value) });
    else given.push({ setting, origin, text: isPath(setting) ? resolved(file, read) : read });
  }
  return { given, problems };
}

function tableOf(file: string, text: string, problems: Problem[]): Record<string, unknown> {
  try {
    return parse(text, { integersAsBigInt: 'asNeeded' });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // Its first line says what is wrong; the others quote the file, which may hold secrets.
    const [reason = ''] = error.message.split('\n');
    problems.push({
      path: `${file}: line ${String(error.line)}, column ${String(error.column)}`,
      message: `is no TOML (${reason.replace(/^Invalid TOML document: /, '')}). ${/\.ya?ml$/.test(file) ? OF_DISTRIBUTION : 'A line is a key, an equals sign and a value: port = 8788, or host = "127.0.0.1"'}`,
    });
    return {};
  }
}

const OF_DISTRIBUTION =
  'Is it the YAML of another registry? docs/compatibility-distribution.md says what its keys are here';

function isPath({ holds }: Setting): boolean {
  return holds === 'file' || holds === 'directory' || holds === 'document';
}

function resolved(file: string, path: string): string {
  return path === '' || isAbsolute(path) ? path : join(dirname(file), path);
}

/** Undefined where the value has another type than the setting. */
function textOf({ schema, holds }: Setting, value: unknown): string | undefined {
  switch (shapeOf(schema).kind) {
    case 'number':
      return typeof value === 'number' || typeof value === 'bigint' ? String(value) : undefined;
    case 'switch':
      // The words of the other forms are taken here, too, but told are those of TOML.
      if (typeof value === 'boolean') return value ? 'on' : 'off';
      return value === 'on' || value === 'off' ? value : undefined;
    case 'words':
      return textIn(value);
    case 'text':
      return holds === 'list' && Array.isArray(value) ? listIn(value) : textIn(value);
  }
}

function textIn(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function listIn(value: readonly unknown[]): string | undefined {
  return value.every((part) => typeof part === 'string') ? value.join(',') : undefined;
}

function wrongType(setting: Setting, value: unknown): string {
  return `must be ${typeWords(setting)}${setting.isSecret === true ? '' : ` (given: ${quote(value)})`}. For example: ${setting.name} = ${tomlExample(setting)}`;
}

function typeWords({ schema, holds }: Setting): string {
  const shape = shapeOf(schema);
  if (shape.kind === 'number')
    return `a whole number from ${String(shape.least)} to ${String(shape.most)}, without quotes`;
  if (shape.kind === 'switch') return 'true or false';
  if (shape.kind === 'words') return `one of ${shape.words.join(', ')}, in quotes`;
  return holds === 'list' ? 'a list of texts, each in quotes' : 'text, in quotes';
}

/** The right side of a line of the file. */
export function tomlExample(setting: Setting): string {
  const example = exampleOf(setting);
  const shape = shapeOf(setting.schema);
  if (shape.kind === 'number') return example;
  if (shape.kind === 'switch') return 'true';
  return setting.holds === 'list' ? `[${JSON.stringify(example)}]` : JSON.stringify(example);
}

const NAMES = SETTINGS.filter(({ name, isForCloudflare }) => name !== 'config' && isForCloudflare !== true).map(
  ({ name }) => name,
);

function unknown(key: string, value: unknown): string {
  if (key === 'config') return 'names another settings file, and there is one alone. Take it away.';
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return `is a table, and settings are flat: ${flat(key, Object.keys(value))} = … at the top of the file`;
  const name = key.startsWith(VARIABLE_PREFIX) ? nameOf(key) : key.toLowerCase().replaceAll('_', '-');
  const meant = nearest(name, NAMES);
  return `is no setting.${meant === undefined ? '' : ` Did you mean ${meant}?`} docs/configuration.md lists them all.`;
}

/** Of `[tls]` with a `cert`: `tls-cert`. */
function flat(table: string, keys: readonly string[]): string {
  const joined = keys.map((key) => `${table}-${key}`).find((name) => NAMES.includes(name));
  return joined ?? nearest(table, NAMES) ?? 'port';
}
