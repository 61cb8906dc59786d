/** The cases of a comparison, and what each of them needs and depends on. */
import type { Conditions } from './bounds.ts';
import type { CaseContext, CaseResult } from './case.ts';
import { versionOf } from './command.ts';
import { measureMemory } from './memory.ts';
import type { CaseName } from './options.ts';
import { compareCrowds, comparePulls } from './pull.ts';
import { comparePushes } from './push.ts';
import { compareRequests } from './requests.ts';

export const CASES: Readonly<Record<CaseName, (context: CaseContext) => Promise<CaseResult>>> = {
  push: comparePushes,
  pull: comparePulls,
  requests: compareRequests,
  concurrent: compareCrowds,
  memory: measureMemory,
};

/** Programs that are no part of the project. */
const CLIENTS: Readonly<Partial<Record<CaseName, string>>> = { push: 'skopeo', requests: 'wrk' };

/** Whose figures depend on the sizes of layers. */
const SIZED: readonly CaseName[] = ['push', 'pull', 'concurrent', 'memory'];

/** Requests count at any scale. */
export function conditionsOf(name: CaseName, conditions: Conditions): Conditions {
  return SIZED.includes(name) ? conditions : { ...conditions, scale: 1 };
}

export async function clientVersions(cases: readonly CaseName[]): Promise<Record<string, string>> {
  const versions: Record<string, string> = {};
  for (const name of cases) {
    const program = CLIENTS[name];
    if (program !== undefined) versions[program] = await versionOf(program);
  }
  return versions;
}
