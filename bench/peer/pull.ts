/** Pulls of an image's layers, whose bytes were looked at once before, and of one layer by many at once. */
import { MEGABYTE } from '../arguments.ts';
import { pullLayers, pushLayers, verifyLayer, type Layer } from '../registry-client.ts';
import { alternate, type Samples } from '../timing.ts';
import { writeBack } from '../workspace.ts';
import type { CaseContext, CaseResult } from './case.ts';
import { LayerSource, SHAPES, type Shape } from './layers.ts';
import { measured, type Measured } from './measured.ts';
import { withServers, type Server } from './server.ts';

const REPOSITORY = 'bench/pull';
/** A pull takes a fraction of a push's time and varies more. */
const PULLS_A_RUN = 3;
const LIMIT = 1;
const CROWD = 64;
const CROWDED: Shape = { name: '1 × 100 MB', layers: 1, layerBytes: 100 * MEGABYTE, connections: 1, pushLimit: 1 };

export async function comparePulls(context: CaseContext): Promise<CaseResult> {
  const { log, options } = context;
  const all: Measured[] = [];
  for (const shape of SHAPES) {
    log(`pull ${shape.name}`);
    const source = new LayerSource(shape, options.scale);
    const about = { measure: `pull ${shape.name}`, unit: 'MB/s', amount: source.totalBytes, limit: LIMIT } as const;
    const layers = source.fresh();
    const times = await measure(context, layers, layers, { rounds: options.runs * PULLS_A_RUN, ...shape });
    all.push(measured(about, times));
  }
  return { measured: all, bounds: [] };
}

export async function compareCrowds(context: CaseContext): Promise<CaseResult> {
  const { log, options } = context;
  log(`${CROWD} pulls at once of ${CROWDED.name}`);
  const source = new LayerSource(CROWDED, options.scale);
  const layers = source.fresh();
  const about = {
    measure: `${CROWD} pulls at once of ${CROWDED.name}`,
    unit: 'MB/s',
    amount: source.totalBytes * CROWD,
    limit: LIMIT,
  } as const;
  const crowd = Array.from({ length: CROWD }, () => layers).flat();
  const times = await measure(context, layers, crowd, { rounds: options.runs, connections: CROWD });
  return { measured: [measured(about, times)], bounds: [] };
}

/** @param pulled some of the layers, or one of them several times. */
function measure(
  { kinds, workspace }: CaseContext,
  layers: readonly Layer[],
  pulled: readonly Layer[],
  { rounds, connections }: { readonly rounds: number; readonly connections: number },
): Promise<Samples[]> {
  return withServers(kinds, workspace, async (servers) => {
    for (const server of servers) await fill(server, layers);
    return alternate(
      servers.map(({ name, address }) => ({ name, run: () => pullLayers(address, REPOSITORY, pulled, connections) })),
      rounds,
      writeBack,
    );
  });
}

async function fill({ address }: Server, layers: readonly Layer[]): Promise<void> {
  await pushLayers(address, REPOSITORY, layers, { form: 'whole', connections: 1 });
  for (const layer of layers) await verifyLayer(address, REPOSITORY, layer);
}
