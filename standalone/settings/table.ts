/** The one table of all settings: the program's rows, the Worker's, and a `NAME-file` for each secret. */
import * as v from 'valibot';
import { SETTING_SCHEMAS } from '../../src/config.ts';
import { path, PROGRAM_ROWS } from './program-settings.ts';
import { GROUPS, nameOf, variableOf, VARIABLE_PREFIX, type Row, type Setting, type SettingSchema } from './setting.ts';
import { WORKER_ROWS } from './worker-settings.ts';

const programRows: [string, Row & { schema: SettingSchema }][] = Object.entries(PROGRAM_ROWS);
const workerRows: [string, Row][] = Object.entries(WORKER_ROWS);
const workerSchemas: ReadonlyMap<string, SettingSchema> = new Map<string, SettingSchema>(
  Object.entries(SETTING_SCHEMAS),
);

const GROUP_ORDER = Object.keys(GROUPS);

/** In the order of --help: by group, and in a group as the rows stand. */
export const SETTINGS: readonly Setting[] = [
  ...programRows.map(([name, row]) => settingOf(name, row, row.schema, 'program')),
  ...workerRows.map(([variable, row]) => settingOf(nameOf(variable), row, schemaOf(variable), 'worker')),
]
  .flatMap((setting) => (setting.isSecret === true ? [setting, fileOf(setting)] : [setting]))
  .sort((one, other) => groupOrder(one) - groupOrder(other));

const BY_NAME = new Map(SETTINGS.map((setting) => [setting.name, setting]));
const BY_VARIABLE = new Map(SETTINGS.map((setting) => [setting.variable, setting]));

export function settingNamed(name: string): Setting | undefined {
  return BY_NAME.get(name);
}

export function settingOfVariable(variable: string): Setting | undefined {
  return BY_VARIABLE.get(variable);
}

function settingOf(name: string, row: Row, schema: SettingSchema, reader: Setting['reader']): Setting {
  const isTyped = row.isSecret !== true && row.isForCloudflare !== true;
  return { ...row, name, flag: isTyped ? `--${name}` : undefined, variable: variableOf(name), schema, reader };
}

function fileOf({ name, group, doc }: Setting): Setting {
  const own = `${name}-file`;
  return {
    ...{ name: own, flag: `--${own}`, variable: variableOf(own), schema: v.optional(path), reader: 'program' },
    ...{ group, doc, value: 'F', example: `/etc/berth/${name}`, holds: 'file', fileOf: name },
  };
}

function schemaOf(variable: string): SettingSchema {
  const schema = workerSchemas.get(variable);
  if (schema === undefined) throw new Error(`${VARIABLE_PREFIX} setting without a schema: ${variable}`);
  return schema;
}

function groupOrder({ group }: Setting): number {
  return GROUP_ORDER.indexOf(group);
}
