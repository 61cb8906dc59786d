/** What settings have to do with each other. What is wrong with one of them alone, its schema says. */
import { placeOf, type Given, type Problem } from './given.ts';
import type { ProgramName } from './program-settings.ts';

/** Each is of use only with the other. A pair that is new is a row here. */
const PAIRS: readonly (readonly [ProgramName, ProgramName])[] = [];

export function combinationProblems(given: ReadonlyMap<string, Given>): Problem[] {
  return PAIRS.flatMap(([one, other]) => [...without(given, one, other), ...without(given, other, one)]);
}

function without(given: ReadonlyMap<string, Given>, name: ProgramName, missing: ProgramName): Problem[] {
  const one = given.get(name);
  if (one === undefined || given.has(missing)) return [];
  return [{ path: placeOf(one.origin), message: `needs --${missing} besides. Give both, or neither.` }];
}
