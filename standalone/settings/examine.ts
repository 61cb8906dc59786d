/**
 * All that can be wrong with the settings of a start, found at once. `npm start` refuses by what this finds, and
 * `npm run config -- check` prints it: neither has a rule of its own.
 */
import * as v from 'valibot';
import { isHtpasswd, isSettingName, mistakesIn } from '../../src/config.ts';
import { secretMistakes, secretNames } from '../endpoint-secrets.ts';
import { whyNotReadable, type Environment } from '../setting-file.ts';
import { readWranglerFile, WRANGLER_FILE, type WranglerFile } from '../wrangler-file.ts';
import { certificateProblems, combinationProblems, contradictions, placeIn } from './combinations.ts';
import { documentPlace, documentProblems } from './documents.ts';
import { takenByNpm, unknownVariable } from './environment.ts';
import { exampleOf } from './flags.ts';
import { gather } from './gather.ts';
import { nearest } from './nearest.ts';
import { placeOf, quote, type Given, type Problem } from './given.ts';
import { PROGRAM_ROWS } from './program-settings.ts';
import { readGiven, type Read } from './read-given.ts';
import { defaultOf, shapeOf, VARIABLE_PREFIX, type Setting } from './setting.ts';
import { Settings } from './settings.ts';
import { tomlExample } from './settings-file.ts';
import { settingOfVariable } from './table.ts';
import { workerVariables } from './worker-variables.ts';

export type Examined =
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'problems'; readonly problems: readonly Problem[]; readonly given: ReadonlyMap<string, Given> }
  | { readonly kind: 'settings'; readonly settings: Settings };

/** @param root the project, whose wrangler.toml has settings as well */
export function examine(words: readonly string[], environment: Environment, root: string): Examined {
  const gathered = gather(words, environment);
  // Who typed something wrong is told that, whatever else was asked for.
  if (gathered.asked !== undefined && gathered.problems.length === 0) return { kind: gathered.asked };
  const wrangler = readWranglerFile(root);
  const read = readGiven(gathered);
  const secrets = secretNames(read.variables['BERTH_ENDPOINTS'] ?? wrangler.variables['BERTH_ENDPOINTS']);
  const isOther = (name: string): boolean => secrets.includes(name) || name in wrangler.variables;
  const own = { ...withoutSettings(environment, isOther), ...read.variables };
  const problems = [
    ...takenByNpm(environment),
    ...gathered.problems,
    ...gathered.others.filter((name) => !isOther(name)).map(unknownVariable),
    ...read.problems,
    ...givenTwice(read.given, environment),
    ...ownProblems(read.given),
    ...workerProblems(read, own, wrangler),
  ];
  if (problems.length > 0) return { kind: 'problems', problems, given: read.given };
  return { kind: 'settings', settings: new Settings(read.given, gathered.outranked, own, wrangler.variables) };
}

/** A document by flag and another one by a variable: whoever gives both believes that the other one counts. */
function givenTwice(given: ReadonlyMap<string, Given>, environment: Environment): Problem[] {
  return [...given.values()].flatMap(({ setting, origin }) => {
    if (setting.holds !== 'document' || origin.kind === 'environment') return [];
    const isSame = (name: string): boolean =>
      setting.name === 'htpasswd' ? isHtpasswd(name) : name === setting.variable;
    const other = Object.keys(environment).find((name) => isSame(name) && (environment[name] ?? '') !== '');
    return other === undefined
      ? []
      : [{ path: placeOf(origin), message: `and ${other} are both given. Give one of them.` }];
  });
}

/** What certificates hold is looked at where all that was given can be read. */
function ownProblems(given: ReadonlyMap<string, Given>): Problem[] {
  const problems = [...programProblems(given), ...combinationProblems(given)];
  return problems.length > 0 ? problems : certificateProblems(given);
}

function programProblems(given: ReadonlyMap<string, Given>): Problem[] {
  return [...given.values()].flatMap((one) => {
    if (one.setting.reader !== 'program') return [];
    const path = placeOf(one.origin);
    const [issue] = v.safeParse(one.setting.schema, one.text).issues ?? [];
    if (issue !== undefined) return [{ path, message: wrongValue(one, issue.message) }];
    const why = isReadLater(one.setting) ? whyNotReadable(one.text) : undefined;
    return why === undefined ? [] : [{ path, message: why }];
  });
}

/** Those of settings and of secrets have been read by now. */
function isReadLater({ name, holds, fileOf }: Setting): boolean {
  return holds === 'file' && fileOf === undefined && name !== 'config';
}

/** What the Worker would find wrong, which would make it refuse every request; here is the person who can put it right. */
function workerProblems(
  { given, variables }: Read,
  own: Environment,
  { variables: configured, bindings }: WranglerFile,
): Problem[] {
  const host = v.safeParse(PROGRAM_ROWS.host.schema, given.get('host')?.text);
  const all = workerVariables(configured, own, host.success ? host.output : '');
  const mistakes = mistakesIn(all).map(({ name, message }) => {
    const one = given.get(settingOfVariable(name)?.name ?? '');
    const rest = message.replace(/\bBERTH_[A-Z_]+\b/g, (variable) => placeIn(given, variable));
    if (one !== undefined) return { path: placeOf(one.origin), message: wrongValue(one, rest) };
    if (name in configured) return { path: `${WRANGLER_FILE}: vars.${name}`, message: rest };
    // A default that does not fit another value.
    const usual = settingOfVariable(name);
    const value = usual === undefined ? undefined : defaultOf(usual);
    return { path: usual?.flag ?? name, message: value === undefined ? rest : `${rest} (by default: ${value})` };
  });
  const wrongDocuments = [...given.values()].flatMap((one) => {
    const text = variables[one.setting.variable];
    return one.setting.holds === 'document' && text !== undefined ? documentProblems(one, text, variables) : [];
  });
  if (mistakes.length > 0 || wrongDocuments.length > 0) return [...mistakes, ...wrongDocuments];
  const endpoints = given.get('endpoints');
  const document = endpoints === undefined ? 'BERTH_ENDPOINTS' : documentPlace(endpoints);
  const isTaken = (name: string): boolean => bindings.includes(name) || name in configured;
  return [
    ...contradictions(given, all),
    ...secretMistakes(all['BERTH_ENDPOINTS'], own, isTaken).map(({ path, message }) => ({
      path: `${document}: ${path}`,
      message,
    })),
  ];
}

function wrongValue({ setting, text, origin }: Given, message: string): string {
  const shape = shapeOf(setting.schema);
  const isNumber = origin.kind === 'file' && shape.kind === 'number';
  const shown = setting.isSecret === true ? '' : ` (given: ${isNumber ? text : quote(text)})`;
  const meant = shape.kind === 'words' ? nearest(text, shape.words) : undefined;
  if (meant !== undefined) return `${message}${shown}. Did you mean ${meant}?`;
  if (setting.example === undefined) return `${message}${shown}`;
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

/** What is no setting: secrets of endpoints, and everybody else's variables. */
function withoutSettings(environment: Environment, isOther: (name: string) => boolean): Environment {
  return Object.fromEntries(
    Object.entries(environment).filter(
      ([name]) =>
        !name.startsWith(VARIABLE_PREFIX) || isPart(name) || (isOther(name) && settingOfVariable(name) === undefined),
    ),
  );
}

/** Of a long BERTH_HTPASSWD, which goes on in others. */
function isPart(name: string): boolean {
  return isSettingName(name) && settingOfVariable(name) === undefined;
}
