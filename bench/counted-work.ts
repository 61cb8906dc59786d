/** The work that Berth's request log counts: object calls and store operations, request by request. Pure. */
import * as v from 'valibot';

const RequestLine = v.object({
  event: v.literal('request'),
  method: v.string(),
  route: v.string(),
  repository: v.string(),
  objectCalls: v.number(),
  storeOperations: v.number(),
});
type RequestLine = v.InferOutput<typeof RequestLine>;

export interface CountedWork {
  readonly measure: string;
  /** Of one push or pull, all its requests together; a mean, since retries and caches may change it. */
  readonly objectCalls: number;
  readonly storeOperations: number;
  readonly requests: readonly RequestWork[];
}

interface RequestWork {
  readonly request: string;
  readonly objectCalls: number;
  readonly storeOperations: number;
}

/** What each of the pushes or pulls (`methods`) cost that were done `times` times in a repository of their own. */
export function countWork(
  measure: string,
  { repository, methods, times }: { repository: string; methods: readonly string[]; times: number },
  lines: readonly unknown[],
): CountedWork {
  const requests = lines
    .filter((line) => v.is(RequestLine, line))
    .filter((line) => line.repository === repository && methods.includes(line.method));
  const kinds = Map.groupBy(requests, ({ method, route }) => `${method} ${route}`);
  return {
    measure,
    ...sum(requests, times),
    requests: [...kinds].map(([request, some]) => ({ request, ...sum(some, times) })),
  };
}

function sum(lines: readonly RequestLine[], times: number): { objectCalls: number; storeOperations: number } {
  const mean = (counted: 'objectCalls' | 'storeOperations'): number =>
    Number((lines.reduce((total, line) => total + line[counted], 0) / times).toFixed(1));
  return { objectCalls: mean('objectCalls'), storeOperations: mean('storeOperations') };
}
