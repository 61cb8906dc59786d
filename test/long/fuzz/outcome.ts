/** What may come of an operation: an answer, and the state after it. Pure. */
import { isDeepStrictEqual } from 'node:util';
import * as v from 'valibot';
import type { RawAnswer } from './raw-request.ts';
import type { State } from './state.ts';

export interface Outcome {
  readonly next: State;
  /** What is expected, for a person. */
  readonly expected: string;
  /** Why the answer is not this outcome's; undefined where it is. */
  mismatch(answer: RawAnswer): string | undefined;
}

/** Says what is wrong; undefined where nothing is. */
export type Check = (answer: RawAnswer) => string | undefined;

export const ErrorBody = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    errors: v.pipe(
      v.array(v.object({ code: v.string(), message: v.string(), detail: v.optional(v.unknown()) })),
      v.minLength(1),
    ),
  }),
);

export function outcome(next: State, status: number, ...checks: readonly Check[]): Outcome {
  const expected = String(status);
  return {
    next,
    expected,
    mismatch: (answer) => {
      if (answer.status !== status) return `expected ${expected}`;
      for (const check of checks) {
        const problem = check(answer);
        if (problem !== undefined) return `expected ${expected}, and it is, but ${problem}`;
      }
      return undefined;
    },
  };
}

/** Nothing is changed. */
export function refusal(state: State, status: number, code: string, ...checks: readonly Check[]): Outcome {
  const refused = outcome(state, status, hasCode(code), ...checks);
  return { ...refused, expected: `${String(status)} ${code}` };
}

/** To a HEAD the code is not told. */
function hasCode(code: string): Check {
  return (answer) => {
    if (answer.body.byteLength === 0) return undefined;
    const told = codeOf(answer);
    return told === code ? undefined : `the code is ${told ?? 'none'} and not ${code}`;
  };
}

export function codeOf({ body }: RawAnswer): string | undefined {
  const parsed = v.safeParse(ErrorBody, body.toString());
  return parsed.success ? parsed.output.errors[0]?.code : undefined;
}

function detailOf({ body }: RawAnswer): unknown {
  const parsed = v.safeParse(ErrorBody, body.toString());
  return parsed.success ? parsed.output.errors[0]?.detail : undefined;
}

export function header(name: string, value: string | undefined): Check {
  return ({ headers }) => {
    const told = headers.get(name);
    return told === value ? undefined : `${name} is ${told ?? 'absent'} and not ${value ?? 'absent'}`;
  };
}

export function headerLike(name: string, form: RegExp): Check {
  return ({ headers }) => {
    const told = headers.get(name) ?? '';
    return form.test(told) ? undefined : `${name} is '${told}', which is not like ${String(form)}`;
  };
}

/** The very bytes, and their length; to a HEAD the length alone. */
export function bytes(method: string, wanted: Uint8Array): Check {
  return ({ headers, body }) => {
    const length = headers.get('content-length');
    if (length !== String(wanted.byteLength)) {
      return `content-length is ${length ?? 'absent'} and not ${String(wanted.byteLength)}`;
    }
    if (method === 'HEAD') return undefined;
    return Buffer.compare(body, wanted) === 0 ? undefined : `the ${String(wanted.byteLength)} bytes are others`;
  };
}

/** JSON of this value; to a HEAD nothing. */
export function json(method: string, wanted: unknown): Check {
  return ({ body }) => {
    if (method === 'HEAD') return undefined;
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson()), body.toString());
    if (parsed.success && isDeepStrictEqual(parsed.output, wanted)) return undefined;
    return `the body is ${body.toString()} and not ${JSON.stringify(wanted)}`;
  };
}

export function detail(judge: (detail: unknown) => boolean, wanted: string): Check {
  return (answer) => {
    if (answer.body.byteLength === 0) return undefined;
    const told = detailOf(answer);
    return judge(told) ? undefined : `the detail is ${JSON.stringify(told)} and not ${wanted}`;
  };
}
