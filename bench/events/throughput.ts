/** How many events a second go through: into the log, through queue and log, and on to a receiver. */
import { join } from 'node:path';
import { alternate, type Contender, type Samples } from '../timing.ts';
import { EventChain } from './chain.ts';
import { Receiver } from './receiver.ts';

const BATCHES_A_CALL = 5;
/** As many are on their way, so that nothing waits for the sender and no backlog grows. */
const MOST_UNDER_WAY = 5_000;
const MILLISECONDS = 1_000;

export const QUEUE_AND_LOG = 'queue and log';

interface Row {
  readonly name: string;
  readonly to: 'log' | 'queue';
  /** Of its one endpoint. */
  readonly batch?: number;
}

const ROWS: readonly Row[] = [
  { name: 'log alone', to: 'log' },
  { name: QUEUE_AND_LOG, to: 'queue' },
  { name: 'to an endpoint, 100 a request', to: 'queue', batch: 100 },
  { name: 'to an endpoint, 1 a request', to: 'queue', batch: 1 },
];

interface Opened {
  readonly contender: Contender;
  close(): Promise<void>;
}

/** Milliseconds an event. */
export async function timeThroughput(
  workspace: string,
  { runs, seconds }: { readonly runs: number; readonly seconds: number },
): Promise<Samples[]> {
  const opened: Opened[] = [];
  try {
    for (const [index, row] of ROWS.entries()) {
      opened.push(await open(row, join(workspace, `chain-${String(index)}`), seconds));
    }
    const contenders = opened.map(({ contender }) => contender);
    return await alternate(contenders, runs, () => Promise.resolve());
  } finally {
    for (const one of opened) await one.close();
  }
}

async function open({ name, to, batch }: Row, folder: string, seconds: number): Promise<Opened> {
  if (batch === undefined) {
    const chain = await EventChain.start(folder, { BERTH_EVENTS: 'on' });
    const arrived = (count: number): Promise<void> => chain.reached(count);
    return { contender: { name, run: () => timed(chain, to, seconds, arrived) }, close: () => chain.stop() };
  }
  const receiver = await Receiver.start();
  const endpoint = { name: 'receiver', url: receiver.url, events: ['manifest.push'], batch };
  const chain = await EventChain.start(folder, endpointSettings([endpoint]));
  const arrived = (count: number): Promise<void> => receiver.reached(count);
  return {
    contender: { name, run: () => timed(chain, to, seconds, arrived) },
    close: async () => {
      await chain.stop();
      receiver.close();
    },
  };
}

/** From the first event that is sent to the last one that has arrived. */
async function timed(
  chain: EventChain,
  to: Row['to'],
  seconds: number,
  arrived: (count: number) => Promise<void>,
): Promise<number> {
  const [began, before] = [performance.now(), chain.made];
  while (performance.now() - began < seconds * MILLISECONDS) {
    await chain.send(to, BATCHES_A_CALL);
    await arrived(chain.made - MOST_UNDER_WAY);
  }
  await arrived(chain.made);
  return (performance.now() - began) / (chain.made - before);
}

/** Of a Berth whose endpoints are on this machine. */
export function endpointSettings(endpoints: readonly object[]): Readonly<Record<string, string>> {
  return { BERTH_WEBHOOKS_PRIVATE: 'on', BERTH_ENDPOINTS: JSON.stringify({ endpoints }) };
}
