/** What is asked of a long run, and how its time is divided. Pure. */
import { parseArgs } from 'node:util';
import * as v from 'valibot';
import type { Campaign } from './campaign.ts';

const DEFAULT_MINUTES = '20';
const LARGEST_SEED = 0xffff_ffff;
const MINUTE_MS = 60_000;

const OptionsSchema = v.object({
  minutes: v.pipe(v.string(), v.transform(Number), v.gtValue(0, '--minutes wants a number greater than 0')),
  seed: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^\d+$/, '--seed wants a whole number'),
      v.transform(Number),
      v.maxValue(LARGEST_SEED, `--seed wants at most ${String(LARGEST_SEED)}`),
    ),
  ),
  only: v.optional(v.string()),
});

export type LongRunOptions = v.InferOutput<typeof OptionsSchema>;

/** The options, or in one line what is wrong with them. */
export function parseOptions(given: readonly string[]): LongRunOptions | string {
  try {
    const { values } = parseArgs({
      args: [...given],
      options: {
        minutes: { type: 'string', default: DEFAULT_MINUTES },
        seed: { type: 'string' },
        only: { type: 'string' },
      },
    });
    const parsed = v.safeParse(OptionsSchema, values);
    return parsed.success ? parsed.output : parsed.issues[0].message;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

export interface PlannedCampaign {
  readonly name: string;
  readonly milliseconds: number;
}

/** Divides the time by the shares among the campaigns that are asked for; or says in one line why there is none. */
export function plan(campaigns: readonly Campaign[], { minutes, only }: LongRunOptions): PlannedCampaign[] | string {
  const names = campaigns.map(({ name }) => name);
  if (names.length === 0) return 'There is no campaign yet: test/long/campaigns.ts names none.';
  if (new Set(names).size < names.length) return `Two campaigns have one name: ${names.join(', ')}.`;
  const chosen = campaigns.filter(({ name, onRequest }) => (only === undefined ? onRequest !== true : name === only));
  if (chosen.length === 0) return `There is no campaign ${only ?? ''}. There are: ${names.join(', ')}.`;
  const whole = chosen.reduce((sum, { share }) => sum + share, 0);
  return chosen.map(({ name, share }) => ({ name, milliseconds: (minutes * MINUTE_MS * share) / whole }));
}
