/** What settings have to do with each other. What is wrong with one of them alone, its schema says. */
import { configuredPolicy } from '../../src/auth/configured-policy.ts';
import { htpasswdOf } from '../../src/auth/htpasswd.ts';
import { trustsOf } from '../../src/auth/trusts.ts';
import { ConfigurationError, parseConfig, type Config } from '../../src/config.ts';
import { configuredEndpoints } from '../../src/notifications/configured-endpoints.ts';
import { readMaterial } from '../tls/material.ts';
import { placeOf, type Given, type Problem } from './given.ts';
import type { ProgramName } from './program-settings.ts';
import { settingOfVariable } from './table.ts';
import type { Variables } from './worker-variables.ts';

/** Each is of use only with the other. A pair that is new is a row here. */
const PAIRS: readonly (readonly [ProgramName, ProgramName])[] = [['tls-cert', 'tls-key']];
/** The first is of use only with the second. */
const ADDITIONS: readonly (readonly [ProgramName, ProgramName])[] = [['tls-client-ca', 'tls-cert']];

export function combinationProblems(given: ReadonlyMap<string, Given>): Problem[] {
  return [
    ...PAIRS.flatMap(([one, other]) => [...without(given, one, other), ...without(given, other, one)]),
    ...ADDITIONS.flatMap(([one, other]) => without(given, one, other)),
  ];
}

function without(given: ReadonlyMap<string, Given>, name: ProgramName, missing: ProgramName): Problem[] {
  const one = given.get(name);
  if (one === undefined || given.has(missing)) return [];
  return [{ path: placeOf(one.origin), message: `needs --${missing} besides. Give both, or neither.` }];
}

/** A certificate and a key that are there, and do not fit each other or are none. */
export function certificateProblems(given: ReadonlyMap<string, Given>): Problem[] {
  const [cert, key, clientCa] = [given.get('tls-cert'), given.get('tls-key'), given.get('tls-client-ca')];
  if (cert === undefined || key === undefined) return [];
  const read = readMaterial({ cert: cert.text, key: key.text, clientCa: clientCa?.text });
  return read.kind === 'ok' ? [] : [{ path: placeOf(cert.origin), message: `will not do: ${read.message}` }];
}

/** As the Worker itself would read them. */
const READERS: readonly ((config: Config) => unknown)[] = [configuredPolicy, htpasswdOf, trustsOf, configuredEndpoints];

/** What the Worker finds wrong with settings that are right one by one. */
export function contradictions(given: ReadonlyMap<string, Given>, variables: Variables): Problem[] {
  const config = parseConfig(variables);
  return READERS.flatMap((read) => {
    try {
      read(config);
      return [];
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      return [contradiction(given, error.message)];
    }
  });
}

/** The Worker says `BERTH_ANONYMOUS=read and BERTH_TOKEN_SERVER both …`; whoever wrote a file of settings knows other names. */
function contradiction(given: ReadonlyMap<string, Given>, said: string): Problem {
  const [, path = '', value, message = ''] = /^(BERTH_[A-Z_]+)(?:=(\S+))? (.*)$/s.exec(said) ?? [];
  if (path === '') return { path: 'settings', message: said };
  const rest = message.replace(/\bBERTH_[A-Z_]+\b/g, (variable) => placeIn(given, variable));
  return { path: placeIn(given, path), message: value === undefined ? rest : `(${value}) ${rest}` };
}

/** Where a variable's value was given; its own name where it was not, or in the environment. */
export function placeIn(given: ReadonlyMap<string, Given>, variable: string): string {
  const one = given.get(settingOfVariable(variable)?.name ?? '');
  return one === undefined ? variable : placeOf(one.origin);
}
