/** What is asked of a comparison with the floor of the runtime. Pure. */
import * as v from 'valibot';
import { parseOptionsBy } from '../arguments.ts';
import { comparisonArguments, comparisonSchemas, type ComparisonOptions } from '../peer/options.ts';

/** Memory is none of them: what the smallest Worker holds is not what any Worker has to. */
export const RUNTIME_CASE_NAMES = ['push', 'pull', 'requests', 'concurrent'] as const;
export type RuntimeCaseName = (typeof RUNTIME_CASE_NAMES)[number];

/** The options, or in one line what is wrong with them. */
export function parseRuntimeOptions(given: readonly string[]): ComparisonOptions<RuntimeCaseName> | string {
  return parseOptionsBy(
    given,
    comparisonArguments(RUNTIME_CASE_NAMES),
    v.object(comparisonSchemas(RUNTIME_CASE_NAMES)),
  );
}
