/**
 * What dead and stalled endpoints cost another one: how long after a push has been answered its event arrives, at a Berth that has
 * no other endpoint, and at one that has nine bad ones. The two are asked in turn.
 */
import { randomBytes } from 'node:crypto';
import { freePort } from '../free-port.ts';
import { HttpConnection } from '../http-client.ts';
import { layerOf, manifestOf, pushLayer, pushManifest } from '../registry-client.ts';
import { alternate, median, type Contender, type Samples } from '../timing.ts';
import { berthKind } from '../peer/kinds.ts';
import { withServers, type Server } from '../peer/server.ts';
import { deadUrl, Receiver, StalledReceiver } from './receiver.ts';
import { endpointSettings } from './throughput.ts';

const REPOSITORY = 'team/app';
const STALLED = 8;
const MILLISECONDS = 1_000;
const TIMEOUT_SECONDS = 10;

/** Milliseconds from a push's answer to the receipt, each the median of a run; `alone` first. */
export async function timeIsolation(
  workspace: string,
  { runs, seconds }: { readonly runs: number; readonly seconds: number },
): Promise<Samples[]> {
  const receivers = [await Receiver.start(), await Receiver.start()] as const;
  const stalled = await StalledReceiver.start();
  const [alone, beside] = receivers;
  const bad = [
    ...Array.from({ length: STALLED }, (_, index) => endpoint(`stalled-${String(index)}`, stalled.url)),
    endpoint('dead', deadUrl(await freePort())),
  ];
  try {
    const kinds = [
      { ...berthKind(endpointSettings([endpoint('watched', alone.url)])), name: 'alone' },
      { ...berthKind(endpointSettings([...bad, endpoint('watched', beside.url)])), name: 'beside' },
    ];
    return await withServers(kinds, workspace, async ([first, second]) => {
      if (first === undefined || second === undefined) throw new Error('two registries are compared');
      const contenders = [
        await contenderOf('alone', first, alone, seconds),
        await contenderOf('beside 8 stalled and 1 dead', second, beside, seconds),
      ];
      // The first push of each has been made.
      await stalled.untilWaiting(STALLED);
      return alternate(contenders, runs, () => Promise.resolve());
    });
  } finally {
    for (const receiver of [...receivers, stalled]) receiver.close();
  }
}

function endpoint(name: string, url: string): object {
  return { name, url, events: ['manifest.push'], timeoutSeconds: TIMEOUT_SECONDS };
}

async function contenderOf(name: string, { port }: Server, receiver: Receiver, seconds: number): Promise<Contender> {
  const layer = layerOf(randomBytes(MILLISECONDS));
  await pushLayer(port, REPOSITORY, layer, 'whole');
  const manifest = manifestOf(layer, [layer]);
  let pushes = 0;
  /** Each push has a tag of its own, which says whose event has come. */
  const latency = async (connection: HttpConnection): Promise<number> => {
    const tag = `v${String((pushes += 1))}`;
    const arrival = receiver.arrival(({ target }) => target.tag === tag);
    await pushManifest(connection, REPOSITORY, tag, manifest);
    const answered = performance.now();
    return (await arrival) - answered;
  };
  const run = async (): Promise<number> => {
    const connection = await HttpConnection.open(port);
    const [began, latencies] = [performance.now(), new Array<number>()];
    do latencies.push(await latency(connection));
    while (performance.now() - began < seconds * MILLISECONDS);
    connection.close();
    return median(latencies);
  };
  const connection = await HttpConnection.open(port);
  await latency(connection);
  connection.close();
  return { name, run };
}
