/** Patterns as fields of a document that is a setting: the policy's, and those of endpoints. */
import * as v from 'valibot';
import { parsePattern, tagPatternProblem, type Pattern } from './patterns.ts';
import { text } from './setting-document.ts';

export const repositoryPattern = v.pipe(
  text,
  v.rawTransform(({ dataset, addIssue, NEVER }): Pattern => {
    const result = parsePattern(dataset.value);
    if (result.ok) return result.pattern;
    addIssue({ message: result.message });
    return NEVER;
  }),
);

export const tagPattern = v.pipe(
  text,
  v.check(
    (given) => tagPatternProblem(given) === undefined,
    ({ input }) => tagPatternProblem(input) ?? '',
  ),
);
