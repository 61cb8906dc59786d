/** Two answers to one request: where they differ, as a row of the table says it. */
import { FACETS, type NormalForm } from './normal-form.ts';

export interface Difference {
  /** `<resource>/<step>`. */
  readonly id: string;
  readonly request: string;
  readonly berth: string;
  readonly distribution: string;
}

/** What is told where one registry grants what the other refuses: the rest belongs to two kinds of answers. */
const VERDICT: readonly string[] = ['status', 'code'];

/** Each side as `status: 404; code: NAME_UNKNOWN`, of what differs alone; `undefined` where nothing does. */
export function compare(
  berth: NormalForm,
  distribution: NormalForm,
): Pick<Difference, 'berth' | 'distribution'> | undefined {
  const differing = FACETS.filter((name) => berth.get(name) !== distribution.get(name));
  if (differing.length === 0) return undefined;
  const told =
    classOf(berth) === classOf(distribution) ? differing : differing.filter((name) => VERDICT.includes(name));
  const say = (form: NormalForm): string => told.map((name) => `${name}: ${form.get(name) ?? 'none'}`).join('; ');
  return { berth: say(berth), distribution: say(distribution) };
}

/** `2` of 201. */
function classOf(form: NormalForm): string | undefined {
  return form.get('status')?.[0];
}
