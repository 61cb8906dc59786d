/** What is asked of a comparison with other registries. Pure. */
import type { ParseArgsOptionsConfig } from 'node:util';
import * as v from 'valibot';
import { DEFAULT_RUNS, parseOptionsBy, runsOption, wholeNumber } from '../arguments.ts';

export const CASE_NAMES = ['push', 'pull', 'requests', 'concurrent', 'memory'] as const;
export type CaseName = (typeof CASE_NAMES)[number];

const DEFAULT_SECONDS = '4';
const LONGEST_SECONDS = 600;
const LARGEST_SCALE = 1_000;
const MISTAKEN_PEER =
  '--peer wants a name and the path of a build of distribution, as in --peer v3=/usr/local/bin/registry';

const Peer = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9.-]+=.+$/i, MISTAKEN_PEER),
  v.transform((text) => ({ name: text.slice(0, text.indexOf('=')), program: text.slice(text.indexOf('=') + 1) })),
);

/** What every comparison of several registries is asked for. */
export interface ComparisonOptions<Name extends CaseName> {
  /** How many times each contender is measured, after a warm-up. */
  readonly runs: number;
  /** How long each of the runs lasts in which requests are counted. */
  readonly seconds: number;
  /** All sizes are divided by this. With anything but 1 every bound is void. */
  readonly scale: number;
  readonly only: readonly Name[];
  /** Other builds of distribution beside Debian's. */
  readonly peer: readonly { readonly name: string; readonly program: string }[];
}

export interface PeerOptions extends ComparisonOptions<CaseName> {
  /** Also the memory that a layer of 4 GiB takes. */
  readonly large: boolean;
  /** Both speak TLS, with the same certificate. */
  readonly tls: boolean;
}

/** Those whose clients speak TLS. */
const TLS_CASES: readonly CaseName[] = ['push', 'pull', 'concurrent'];
const DEFAULT_TLS_CASES = 'push,pull';

const OptionsSchema = v.pipe(
  v.object({ ...comparisonSchemas(CASE_NAMES), large: v.boolean(), tls: v.boolean() }),
  v.check(
    ({ tls, only }) => !tls || only.every((name) => TLS_CASES.includes(name)),
    `--tls is for ${TLS_CASES.join(', ')}: give some of them by --only`,
  ),
);

/** The options, or in one line what is wrong with them. */
export function parsePeerOptions(given: readonly string[]): PeerOptions | string {
  const common = comparisonArguments(CASE_NAMES);
  const only = given.includes('--tls') ? { ...common.only, default: DEFAULT_TLS_CASES } : common.only;
  const own = { large: { type: 'boolean', default: false }, tls: { type: 'boolean', default: false } } as const;
  return parseOptionsBy(given, { ...common, only, ...own }, OptionsSchema);
}

/** @param names the cases that there are; all of them are done unless some are named. */
export function comparisonArguments(names: readonly CaseName[]) {
  return {
    runs: { type: 'string', default: DEFAULT_RUNS },
    seconds: { type: 'string', default: DEFAULT_SECONDS },
    scale: { type: 'string', default: '1' },
    only: { type: 'string', default: names.join(',') },
    peer: { type: 'string', multiple: true, default: [] },
  } as const satisfies ParseArgsOptionsConfig;
}

export function comparisonSchemas<const Name extends CaseName>(names: readonly Name[]) {
  return {
    runs: runsOption,
    seconds: wholeNumber('--seconds', LONGEST_SECONDS),
    scale: wholeNumber('--scale', LARGEST_SCALE),
    only: v.pipe(
      v.string(),
      v.transform((text) => text.split(',')),
      v.array(v.picklist(names, `--only wants names of ${names.join(', ')}, joined by commas`)),
    ),
    peer: v.array(Peer),
  };
}
