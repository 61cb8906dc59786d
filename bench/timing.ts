/** How long things take: one of them, and several in turn. */
import { HttpConnection, type Port } from './http-client.ts';

/** Rounds that are thrown away: the first of everything is slower. */
export const WARM_UPS = 1;

export interface Contender {
  readonly name: string;
  /** Does once what is measured; answers the milliseconds that it took. */
  run(): Promise<number>;
}

export interface Samples {
  readonly name: string;
  readonly milliseconds: readonly number[];
}

/** The milliseconds that calls on a connection take, once it is open. */
export async function timedCalls(port: Port, calls: (connection: HttpConnection) => Promise<void>): Promise<number> {
  const connection = await HttpConnection.open(port);
  try {
    const started = performance.now();
    await calls(connection);
    return performance.now() - started;
  } finally {
    connection.close();
  }
}

/**
 * The milliseconds from the first call to the last answer, where several connections, all of them open before, take one
 * item after the other.
 */
export async function timedParallel<T>(
  port: Port,
  connections: number,
  items: Iterable<T>,
  call: (connection: HttpConnection, item: T) => Promise<void>,
): Promise<number> {
  const open = await Promise.all(Array.from({ length: connections }, () => HttpConnection.open(port)));
  try {
    const left = (function* () {
      yield* items;
    })();
    const started = performance.now();
    await Promise.all(
      open.map(async (connection) => {
        for (const item of left) await call(connection, item);
      }),
    );
    return performance.now() - started;
  } finally {
    for (const connection of open) connection.close();
  }
}

/**
 * Each contender in turn, round after round, so that a change of the machine's mood meets them all; who begins changes
 * too. The warm-up is not counted. `prepare` makes the same conditions for whoever comes next.
 */
export async function alternate(
  contenders: readonly Contender[],
  rounds: number,
  prepare: () => Promise<void>,
): Promise<Samples[]> {
  const measured = contenders.map((contender) => ({ contender, milliseconds: new Array<number>() }));
  for (let round = 0; round < WARM_UPS + rounds; round += 1) {
    const first = round % measured.length;
    for (const { contender, milliseconds } of [...measured.slice(first), ...measured.slice(0, first)]) {
      await prepare();
      const took = await contender.run();
      if (round >= WARM_UPS) milliseconds.push(took);
    }
  }
  return measured.map(({ contender: { name }, milliseconds }) => ({ name, milliseconds }));
}

export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5);
}

/** Between two samples it is drawn as a straight line. */
export function quantile(samples: readonly number[], part: number): number {
  const sorted = [...samples].sort((one, other) => one - other);
  const position = (sorted.length - 1) * part;
  const [low = NaN, high = NaN] = [sorted[Math.floor(position)], sorted[Math.ceil(position)]];
  return low + (high - low) * (position - Math.floor(position));
}
