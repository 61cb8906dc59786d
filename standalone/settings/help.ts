/** `npm start -- --help`, made from the table. Pure. */
import { defaultOf, GROUPS, shapeOf, type Group, type Setting } from './setting.ts';
import { SETTINGS } from './table.ts';

const WIDTH = 80;
/** Where what a flag does begins. */
const COLUMN = 26;
const INDENT = 2;

export function helpText(): string {
  return [
    'Serves a Berth registry on this machine.',
    '',
    '  npm start                                    for this machine, on port 8787',
    '  npm start -- --port 5000 --data /srv/berth   elsewhere',
    '  npm start -- --config /etc/berth/berth.toml  by a file of settings',
    '',
    ...groupNames().flatMap((group) => [GROUPS[group], ...rowsOf(group), '']),
    'Besides',
    ...entry('--version', 'prints the version'),
    ...entry('--help, -h', 'prints this'),
    '',
    ...wrapped(
      'Each flag is also a variable of the environment and a key of the file: --public-url, BERTH_PUBLIC_URL, public-url. A flag outranks the environment, which outranks the file. What is on or off: --events is on, --no-events is off; in the file, true and false.',
      0,
    ),
    '',
    'npm run config -- check     finds every mistake, with the same flags',
    'npm run config -- explain   shows what counts, and where it comes from',
    'docs/configuration.md       has all of it at length',
  ].join('\n');
}

function groupNames(): Group[] {
  return [...new Set(SETTINGS.filter(({ flag }) => flag !== undefined).map(({ group }) => group))];
}

function rowsOf(group: Group): string[] {
  return SETTINGS.filter((setting) => setting.group === group && setting.flag !== undefined).flatMap((setting) =>
    entry(flagText(setting), `${setting.doc}${boundsText(setting)}`),
  );
}

/** What is on is more often wanted off. */
function flagText(setting: Setting): string {
  const { name, value } = setting;
  if (shapeOf(setting.schema).kind !== 'switch') return `--${name} ${value ?? ''}`;
  return defaultOf(setting) === 'on' ? `--no-${name}` : `--${name}`;
}

/** ` (8787; 0 to 65535)` */
function boundsText(setting: Setting): string {
  const shape = shapeOf(setting.schema);
  const usual = shape.kind === 'switch' ? undefined : defaultOf(setting);
  const range = shape.kind === 'number' ? `${String(shape.least)} to ${String(shape.most)}` : undefined;
  const parts = [usual, range].filter((part) => part !== undefined);
  return parts.length === 0 ? '' : ` (${parts.join('; ')})`;
}

function entry(flag: string, text: string): string[] {
  const lines = wrapped(text, COLUMN);
  const head = `${' '.repeat(INDENT)}${flag}`;
  if (head.length >= COLUMN - 1) return [head, ...lines];
  const [first = '', ...others] = lines;
  return [head.padEnd(COLUMN) + first.trimStart(), ...others];
}

function wrapped(text: string, indent: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent + line.length + 1 + word.length > WIDTH) {
      lines.push(' '.repeat(indent) + line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, ' '.repeat(indent) + line];
}
