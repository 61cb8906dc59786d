/**
 * All that can be wrong with the settings of a start, found at once. `npm start` refuses by what this finds, and
 * `npm run config -- check` prints it: neither has a rule of its own.
 */
import * as v from 'valibot';
import { isHtpasswd, isSettingName, mistakesIn } from '../../src/config.ts';
import { secretNames } from '../endpoint-secrets.ts';
import type { Environment } from '../setting-file.ts';
import { combinationProblems } from './combinations.ts';
import { documentProblems, readDocument } from './documents.ts';
import { unknownVariable } from './environment.ts';
import { exampleOf } from './flags.ts';
import { gather, type Gathered } from './gather.ts';
import { placeOf, quote, type Given, type Problem } from './given.ts';
import { readSecretText } from './secret-text.ts';
import { shapeOf, VARIABLE_PREFIX, type Setting } from './setting.ts';
import { Settings } from './settings.ts';
import { tomlExample } from './settings-file.ts';
import { settingNamed, settingOfVariable } from './table.ts';

export type Examined =
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'problems'; readonly problems: readonly Problem[] }
  | { readonly kind: 'settings'; readonly settings: Settings };

export function examine(words: readonly string[], environment: Environment): Examined {
  const gathered = gather(words, environment);
  // Who typed something wrong is told that, whatever else was asked for.
  if (gathered.asked !== undefined && gathered.problems.length === 0) return { kind: gathered.asked };
  const problems = [...gathered.problems];
  const { given, variables } = read(gathered, problems);
  const secrets = secretNames(variables['BERTH_ENDPOINTS']);
  problems.push(...gathered.others.filter((name) => !secrets.includes(name)).map(unknownVariable));
  problems.push(...peopleTwice(given, environment), ...programProblems(given), ...workerProblems(given, variables));
  problems.push(...combinationProblems(given));
  for (const one of given.values()) {
    const text = variables[one.setting.variable];
    if (one.setting.holds === 'document' && text !== undefined)
      problems.push(...documentProblems(one, text, variables));
  }
  if (problems.length > 0) return { kind: 'problems', problems };
  return {
    kind: 'settings',
    settings: new Settings(given, { ...withoutSettings(environment, secrets), ...variables }),
  };
}

/** What documents and files of secrets hold, and the Worker's settings as it knows them. */
function read(
  { given, outranked }: Gathered,
  problems: Problem[],
): { given: Map<string, Given>; variables: Record<string, string> } {
  const all = new Map(given);
  const variables: Record<string, string> = {};
  for (const one of given.values()) {
    const secret = one.setting.fileOf === undefined ? undefined : settingNamed(one.setting.fileOf);
    if (secret !== undefined) readSecret(one, secret, all, problems);
  }
  for (const one of [...all.values(), ...outranked]) problems.push(...secretInFile(one));
  for (const one of all.values()) {
    if (one.setting.reader !== 'worker') continue;
    if (one.setting.holds === 'document') {
      const document = readDocument(one);
      if (document.kind === 'text') variables[one.setting.variable] = document.text;
      else problems.push(document.problem);
    } else variables[one.setting.variable] = one.text;
  }
  return { given: all, variables };
}

function readSecret(file: Given, secret: Setting, all: Map<string, Given>, problems: Problem[]): void {
  const path = placeOf(file.origin);
  const other = all.get(secret.name);
  if (other !== undefined)
    problems.push({ path, message: `and ${placeOf(other.origin)} both give it. Give one of them.` });
  const found = readSecretText(file.text);
  if (found.kind === 'refused') problems.push({ path, message: found.why });
  else all.set(secret.name, { setting: secret, text: found.text, origin: file.origin });
}

function secretInFile({ setting, origin }: Given): Problem[] {
  if (origin.kind !== 'file' || setting.isSecret !== true) return [];
  const file = readSecretText(origin.file);
  return file.kind === 'text' ? [] : [{ path: placeOf(origin), message: `is a secret, and ${file.why}` }];
}

/** An option and a variable must not both be given: whoever gives both believes that the other one counts. */
function peopleTwice(given: ReadonlyMap<string, Given>, environment: Environment): Problem[] {
  return [...given.values()].flatMap((one) => {
    if (one.setting.holds !== 'document' || one.origin.kind !== 'flag') return [];
    const isSame = (name: string): boolean =>
      one.setting.name === 'htpasswd' ? isHtpasswd(name) : name === one.setting.variable;
    const other = Object.keys(environment).find((name) => isSame(name) && (environment[name] ?? '') !== '');
    return other === undefined
      ? []
      : [{ path: placeOf(one.origin), message: `and ${other} both give ${BOTH_GIVE}. Give one of them.` }];
  });
}

const BOTH_GIVE = 'the same';

function programProblems(given: ReadonlyMap<string, Given>): Problem[] {
  return [...given.values()].flatMap((one) => {
    if (one.setting.reader !== 'program') return [];
    const [issue] = v.safeParse(one.setting.schema, one.text).issues ?? [];
    return issue === undefined ? [] : [{ path: placeOf(one.origin), message: wrongValue(one, issue.message) }];
  });
}

function workerProblems(given: ReadonlyMap<string, Given>, variables: Environment): Problem[] {
  return mistakesIn(variables).map(({ name, message }) => {
    const setting = settingOfVariable(name);
    const one = setting === undefined ? undefined : given.get(setting.name);
    return one === undefined
      ? { path: name, message }
      : { path: placeOf(one.origin), message: wrongValue(one, message) };
  });
}

function wrongValue({ setting, text, origin }: Given, message: string): string {
  const shown = setting.isSecret === true ? '' : ` (given: ${quote(text)})`;
  if (shapeOf(setting.schema).kind !== 'number' && setting.example === undefined) return `${message}${shown}`;
  return `${message}${shown}. For example: ${asTyped(setting, origin.kind)}`;
}

function asTyped(setting: Setting, kind: Given['origin']['kind']): string {
  switch (kind) {
    case 'flag':
      return `npm start -- --${setting.name} ${exampleOf(setting)}`;
    case 'environment':
      return `${setting.variable}=${exampleOf(setting)}`;
    case 'file':
      return `${setting.name} = ${tomlExample(setting)}`;
  }
}

/** What is left is not read as a setting: secrets of endpoints, and everybody else's variables. */
function withoutSettings(environment: Environment, secrets: readonly string[]): Environment {
  return Object.fromEntries(
    Object.entries(environment).filter(
      ([name]) => !name.startsWith(VARIABLE_PREFIX) || isPart(name) || secrets.includes(name),
    ),
  );
}

/** Of a long BERTH_HTPASSWD, which goes on in others. */
function isPart(name: string): boolean {
  return isSettingName(name) && settingOfVariable(name) === undefined;
}
