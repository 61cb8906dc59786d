/** The small requests that a registry gets most of, by one client, and by many at once. */
import { alternate, type Samples } from '../timing.ts';
import type { CaseContext, CaseResult } from './case.ts';
import { measured } from './measured.ts';
import { withServers, type Server } from './server.ts';
import { pushSmallImage } from './small-image.ts';
import { millisecondsARequest, type Target } from './request-rate.ts';

const REPOSITORY = 'bench/requests';

interface Level {
  readonly connections: number;
  readonly limit: number;
}

const BUSIEST: Level = { connections: 64, limit: 1.5 };
const LEVELS: readonly Level[] = [{ connections: 1, limit: 1 }, { connections: 16, limit: 1.5 }, BUSIEST];

export interface TimedRequests {
  readonly measure: string;
  readonly samples: readonly Samples[];
  /** What Berth's rate has to be at least, as a multiple of another registry's. */
  readonly limit: number;
}

export function compareRequests(context: CaseContext): Promise<CaseResult> {
  return compareAt(LEVELS, context);
}

/** By as many clients at once as a bound is about. */
export function compareBusiestRequests(context: CaseContext): Promise<CaseResult> {
  return compareAt([BUSIEST], context);
}

function compareAt(levels: readonly Level[], { kinds, workspace, options, log }: CaseContext): Promise<CaseResult> {
  return withServers(kinds, workspace, async (servers) => {
    const timed = await timeRequests(servers, REPOSITORY, { ...options, log }, levels);
    return {
      measured: timed.map(({ samples, ...about }) => measured({ ...about, unit: 'requests/s', amount: 1 }, samples)),
      bounds: [],
    };
  });
}

/** Each server in turn, with an image of its own in that repository. */
export async function timeRequests(
  servers: readonly Server[],
  repository: string,
  about: { readonly runs: number; readonly seconds: number; readonly log: (line: string) => void },
  levels: readonly Level[] = LEVELS,
): Promise<TimedRequests[]> {
  const prepared: { server: Server; targets: readonly Target[] }[] = [];
  for (const server of servers) prepared.push({ server, targets: await pushSmallImage(server.port, repository) });
  const timed: TimedRequests[] = [];
  for (const [index, { name }] of (prepared[0]?.targets ?? []).entries()) {
    for (const { connections, limit } of levels) {
      const measure = `${name}, ${connections} connection${connections === 1 ? '' : 's'}`;
      about.log(measure);
      const contenders = prepared.map(({ server, targets }) => ({
        name: server.name,
        run: async () => {
          const target = targets[index];
          if (target === undefined) throw new Error(`${server.name} has no ${name}`);
          return millisecondsARequest(server.port, target, { connections, seconds: about.seconds });
        },
      }));
      timed.push({ measure, limit, samples: await alternate(contenders, about.runs, () => Promise.resolve()) });
    }
  }
  return timed;
}
