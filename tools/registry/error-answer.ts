/** A registry's own errors in the body of an answer (distribution-spec, "Error Codes"). Pure. */
import * as v from 'valibot';
import { quoted } from './outcome.ts';

const ErrorAnswer = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ errors: v.array(v.object({ code: v.optional(v.string()), message: v.optional(v.string()) })) }),
);

/** `DENIED: ask alice`, of the first error, fit for one line; undefined where there is none. */
export function errorIn(body: string): string | undefined {
  const parsed = v.safeParse(ErrorAnswer, body);
  const [error] = parsed.success ? parsed.output.errors : [];
  const text = [error?.code, error?.message].filter((part) => part !== undefined && part !== '').join(': ');
  return text === '' ? undefined : quoted(text);
}
