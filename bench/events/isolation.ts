/**
 * What dead and stalled endpoints cost another one: how long after a push has been answered its event arrives, at a Berth that has
 * no other endpoint, and at one that has nine bad ones. The two are asked in turn, push by push, since the machine's mood changes
 * by the second.
 */
import { randomBytes } from 'node:crypto';
import { freePort } from '../free-port.ts';
import { HttpConnection } from '../http-client.ts';
import { layerOf, manifestOf, pushLayer, pushManifest } from '../registry-client.ts';
import { alternate, type Contender, type Samples } from '../timing.ts';
import { berthKind } from '../peer/kinds.ts';
import { withServers, type Server } from '../peer/server.ts';
import { deadUrl, Receiver, StalledReceiver } from './receiver.ts';
import { endpointSettings } from './throughput.ts';

const REPOSITORY = 'team/app';
const STALLED = 8;
const LAYER_BYTES = 1_000;
const MILLISECONDS = 1_000;
/** The first of each round is thrown away. */
const PUSHES_A_ROUND = 10;
const TIMEOUT_SECONDS = 10;

/** Milliseconds from a push's answer to the receipt; `alone` first. */
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
        await contenderOf('alone', first, alone),
        await contenderOf(`beside ${String(STALLED)} stalled and 1 dead`, second, beside),
      ];
      // The first push of each has been made.
      await stalled.untilWaiting(STALLED);
      return inTurn(contenders, runs * seconds * MILLISECONDS);
    });
  } finally {
    for (const receiver of [...receivers, stalled]) receiver.close();
  }
}

function endpoint(name: string, url: string): object {
  return { name, url, events: ['manifest.push'], timeoutSeconds: TIMEOUT_SECONDS };
}

/** For so many milliseconds. */
async function inTurn(contenders: readonly Contender[], duration: number): Promise<Samples[]> {
  const began = performance.now();
  const times = new Map(contenders.map(({ name }) => [name, new Array<number>()]));
  while (performance.now() - began < duration) {
    const samples = await alternate(contenders, PUSHES_A_ROUND, () => Promise.resolve());
    for (const { name, milliseconds } of samples) times.get(name)?.push(...milliseconds);
  }
  return [...times].map(([name, milliseconds]) => ({ name, milliseconds }));
}

/** Its first push is made here. */
async function contenderOf(name: string, { port }: Server, receiver: Receiver): Promise<Contender> {
  const layer = layerOf(randomBytes(LAYER_BYTES));
  await pushLayer(port, REPOSITORY, layer, 'whole');
  const manifest = manifestOf(layer, [layer]);
  let pushes = 0;
  const run = async (): Promise<number> => {
    // Of its own, so that one sees whose event has come.
    const tag = `v${String((pushes += 1))}`;
    const arrival = receiver.arrival(({ target }) => target.tag === tag);
    const connection = await HttpConnection.open(port);
    await pushManifest(connection, REPOSITORY, tag, manifest);
    const answered = performance.now();
    connection.close();
    return (await arrival) - answered;
  };
  await run();
  return { name, run };
}
