/** How long things take: one of them, and several in turn. */
import { HttpConnection } from './http-client.ts';

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
export async function timedCalls(port: number, calls: (connection: HttpConnection) => Promise<void>): Promise<number> {
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
  const sorted = [...samples].sort((one, other) => one - other);
  const middle = sorted.length / 2;
  const [low = NaN, high = NaN] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (low + high) / 2;
}
