/** The settings that count, each with where it comes from. No secret is shown. Pure. */
import { ADMIN_PASSWORD } from '../admin-password.ts';
import { ENCRYPTION_KEY } from '../encryption-key.ts';
import { WRANGLER_FILE } from '../wrangler-file.ts';
import { fileOfDocument } from './documents.ts';
import { placeOf, type Given } from './given.ts';
import { defaultOf, GROUPS, type Setting } from './setting.ts';
import type { Settings } from './settings.ts';
import { SETTINGS } from './table.ts';
import { workerVariables } from './worker-variables.ts';

export interface Explained {
  readonly name: string;
  /** Null where it has none, and where it is not to be shown. */
  readonly value: string | null;
  readonly isSecret: boolean;
  /** `default`, or where it was given: `--port`, `BERTH_PORT`, `berth.toml: port`, `wrangler.toml: vars.BERTH_ANONYMOUS`. */
  readonly origin: string;
  /** Where it was given as well, without counting. */
  readonly outranked: readonly string[];
}

const DEFAULT = 'default';

export function explain(settings: Settings): Explained[] {
  const variables = workerVariables(settings.configured, settings.environment, settings.get('host'));
  return SETTINGS.filter(({ fileOf, isForCloudflare }) => fileOf === undefined && isForCloudflare !== true).map(
    (setting) => {
      const given = settings.given.get(setting.name);
      return {
        name: setting.name,
        isSecret: setting.isSecret === true,
        ...(given === undefined ? without(setting, settings, variables) : of(given)),
        outranked: settings.outranked
          .filter((other) => other.setting.name === setting.name)
          .map(({ origin }) => placeOf(origin)),
      };
    },
  );
}

function of(given: Given): { value: string | null; origin: string } {
  const { setting, text, origin } = given;
  const isInline = setting.holds === 'document' && fileOfDocument(given) === undefined;
  const shown = isInline ? `(a text of ${String(text.length)} characters)` : text;
  return { value: setting.isSecret === true ? null : shown, origin: placeOf(origin) };
}

function without(
  setting: Setting,
  { configured }: Settings,
  variables: Readonly<Record<string, unknown>>,
): { value: string | null; origin: string } {
  const { name, variable, isSecret } = setting;
  const value = variables[variable];
  if (variable in configured && value === configured[variable])
    return { value: isSecret === true ? null : typed(value), origin: `${WRANGLER_FILE}: vars.${variable}` };
  if (MADE_IN_DATA.includes(name)) return { value: null, origin: `the file ${name} in the data directory` };
  if (name === 'open-loopback')
    return { value: typed(value ?? 'off'), origin: `${DEFAULT}, for this host and who may do what` };
  if (name === 'events') return { value: variables['BERTH_ENDPOINTS'] === undefined ? 'off' : 'on', origin: DEFAULT };
  return { value: defaultOf(setting) ?? null, origin: DEFAULT };
}

function typed(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The first start makes them. */
const MADE_IN_DATA: readonly string[] = [ADMIN_PASSWORD, ENCRYPTION_KEY];

const NAME_WIDTH = 26;
const VALUE_WIDTH = 28;

/** Those that count by group, for a terminal. */
export function explanation(explained: readonly Explained[]): string {
  return Object.entries(GROUPS)
    .map(([group, title]) => {
      const names = new Set(SETTINGS.filter((setting) => setting.group === group).map(({ name }) => name));
      return [title, ...explained.filter(({ name }) => names.has(name)).map(explainedLine)];
    })
    .filter((lines) => lines.length > 1)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}

function explainedLine({ name, value, isSecret, origin, outranked }: Explained): string {
  const shown = value ?? (isSecret && origin !== DEFAULT ? '(hidden)' : '-');
  const more = outranked.length === 0 ? '' : ` (outranks ${outranked.join(', ')})`;
  return `  ${name.padEnd(NAME_WIDTH)} ${shown.padEnd(VALUE_WIDTH)} ${origin}${more}`;
}
