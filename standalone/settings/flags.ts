/**
 * The words behind `npm start --`, by the table. Pure: it opens nothing and looks nothing up.
 * Every mistake is one line that says what to type instead.
 */
import { parseArgs } from 'node:util';
import { quote, type Given, type Problem } from './given.ts';
import { nearest } from './nearest.ts';
import { shapeOf, type Setting } from './setting.ts';
import { SETTINGS, settingNamed } from './table.ts';

export interface Flags {
  /** What was asked for in place of serving. */
  readonly asked: 'help' | 'version' | undefined;
  /** Of a flag that stands there twice, the last counts. */
  readonly given: readonly Given[];
  readonly problems: readonly Problem[];
}

const LIST = 'npm start -- --help lists the options.';

type Token = NonNullable<ReturnType<typeof parseArgs>['tokens']>[number];
type OptionToken = Extract<Token, { kind: 'option' }>;

export function parseFlags(words: readonly string[]): Flags {
  // Not strict: the messages of strict mode are written for programmers, and the tokens tell all that ours need.
  const { tokens } = parseArgs({
    args: [...words],
    options: { ...OPTIONS, version: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const given = new Map<string, Given>();
  const problems: Problem[] = [];
  let asked: Flags['asked'];
  for (const [index, token] of tokens.entries()) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') {
      // After another mistake it may be the value that was meant there.
      if (problems.length === 0) problems.push(stray(token.value, tokens.slice(0, index)));
      continue;
    }
    if (token.name === 'help' || token.name === 'version') {
      if (token.value !== undefined) problems.push(takesNoValue(token));
      else asked ??= token.name;
      continue;
    }
    const read = readFlag(token);
    if ('message' in read) problems.push(read);
    else given.set(read.setting.name, read);
  }
  return { asked, given: [...given.values()], problems };
}

const SWITCHES = SETTINGS.filter(({ schema, flag }) => flag !== undefined && shapeOf(schema).kind === 'switch');
const SWITCH_NAMES: ReadonlySet<string> = new Set(SWITCHES.map(({ name }) => name));
const OPTIONS: Readonly<Record<string, { type: 'string' | 'boolean' }>> = Object.fromEntries([
  ...SETTINGS.map(({ name }) => [name, { type: SWITCH_NAMES.has(name) ? 'boolean' : 'string' }] as const),
  ...SWITCHES.map(({ name }) => [`no-${name}`, { type: 'boolean' }] as const),
]);

function readFlag(token: OptionToken): Given | Problem {
  const off = token.name.startsWith('no-') ? settingNamed(token.name.slice('no-'.length)) : undefined;
  const setting = off !== undefined && SWITCH_NAMES.has(off.name) ? off : settingNamed(token.name);
  if (setting === undefined) return unknown(token.rawName);
  if (setting.flag === undefined) return untypeable(setting, token.rawName);
  const origin = { kind: 'flag', flag: token.rawName } as const;
  if (SWITCH_NAMES.has(setting.name)) {
    if (setting !== off) return { setting, origin, text: token.value ?? 'on' };
    return token.value === undefined ? { setting, origin, text: 'off' } : takesNoValue(token);
  }
  // Without an equals sign the parser takes whatever follows, another option included.
  const { value, inlineValue, rawName: path } = token;
  if (value !== undefined && value !== '' && (inlineValue || !value.startsWith('-')))
    return { setting, origin, text: value };
  return { path, message: `needs a value, for example: npm start -- ${path} ${exampleOf(setting)}` };
}

export function exampleOf({ example, schema, value = '' }: Setting): string {
  const shape = shapeOf(schema);
  return example ?? (shape.kind === 'words' ? (shape.words.at(-1) ?? '') : value);
}

/** Looks like one. */
const SETTINGS_FILE = /\.toml$/i;

/** npm takes options for its own unless two dashes stand before them, and passes on what is left. */
function stray(value: string, before: readonly Token[]): Problem {
  const path = quote(value);
  if (!before.some(({ kind }) => kind === 'option'))
    return {
      path,
      message: SETTINGS_FILE.test(value)
        ? `is not an option. A file of settings is given by one: --config ${path}`
        : 'is not an option. Options go behind two dashes: npm start -- --port 8788',
    };
  const last = before.at(-1);
  const isOfSwitch = last?.kind === 'option' && SWITCH_NAMES.has(last.name) && last.value === undefined;
  return {
    path,
    message: `belongs to no option. ${isOfSwitch ? `Write ${last.rawName}=${value}, as one word.` : LIST}`,
  };
}

function takesNoValue({ rawName: path }: OptionToken): Problem {
  return { path, message: `takes no value: npm start -- ${path}` };
}

function unknown(rawName: string): Problem {
  const isNo = rawName.startsWith('--no-');
  const meant = nearest(rawName.replace(/^-+(no-)?/, ''), isNo ? [...SWITCH_NAMES] : NAMES);
  const hint = meant === undefined ? '' : `Did you mean ${isNo ? '--no-' : '--'}${meant}? `;
  return { path: quote(rawName), message: `is unknown. ${hint}${LIST}` };
}

const NAMES = [...SETTINGS.filter(({ flag }) => flag !== undefined).map(({ name }) => name), 'help', 'version'];

function untypeable({ name, variable, isForCloudflare }: Setting, path: string): Problem {
  if (isForCloudflare === true) return { path, message: 'is a setting for Cloudflare alone. Take it away.' };
  return {
    path,
    message: `is no option, since everyone on this machine can list what a process was started with. Put it into a file, and give that: --${name}-file F. Or set ${variable}.`,
  };
}
