/** What the options of all kinds of bench have in common. Pure. */
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import * as v from 'valibot';

/** A median of fewer says little. */
export const DEFAULT_RUNS = '5';
export const MEGABYTE = 1_000_000;
export const MEBIBYTE = 1_024 * 1_024;

export function wholeNumber(name: string, most: number): v.GenericSchema<string, number> {
  return v.pipe(
    v.string(),
    v.regex(/^\d+$/, `${name} wants a whole number`),
    v.transform(Number),
    v.minValue(1, `${name} wants at least 1`),
    v.maxValue(most, `${name} wants at most ${most}`),
  );
}

export const runsOption = wholeNumber('--runs', 1_000);

/** The options, or in one line what is wrong with them. */
export function parseOptionsBy<T>(
  given: readonly string[],
  options: ParseArgsOptionsConfig,
  schema: v.GenericSchema<unknown, T>,
): T | string {
  try {
    const { values } = parseArgs({ args: [...given], options });
    const parsed = v.safeParse(schema, values);
    return parsed.success ? parsed.output : parsed.issues[0].message;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
