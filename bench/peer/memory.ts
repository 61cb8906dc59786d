/**
 * How much memory all serving processes take while much is pushed. The bound is held against the sum of each process's own
 * peak, which the system keeps (VmHWM): the true peak is never higher. The peak of what was seen at any one moment (PSS)
 * stands beside it.
 */
import { forgetPeaks, peakMemory, presentMemory } from '../../test/e2e/process-memory.ts';
import { MEBIBYTE, MEGABYTE } from '../arguments.ts';
import { pushLayers, type PushForm } from '../registry-client.ts';
import { memoryBound, type Bound } from './bounds.ts';
import type { CaseContext, CaseResult } from './case.ts';
import { LargeLayers } from './layers.ts';
import { withServers, type Server } from './server.ts';

const REPOSITORY = 'bench/memory';
const SAMPLE_MS = 50;
const FORMS: readonly PushForm[] = ['chunked', 'whole'];
const MANY = { name: 'ten pushes at once of 256 MiB', pushes: 10, bytes: 256 * MEBIBYTE };
const LARGE = { name: 'a push of 4 GiB', pushes: 1, bytes: 4_096 * MEBIBYTE };

interface MemoryPeak {
  /** Bytes. */
  readonly atMost: number;
  readonly seen: number;
}

export async function measureMemory(context: CaseContext): Promise<CaseResult> {
  const { options, kinds, workspace, conditions, log } = context;
  const bounds: Bound[] = [];
  for (const { name, pushes, bytes } of options.large ? [MANY, LARGE] : [MANY]) {
    for (const form of FORMS) {
      const layers = new LargeLayers();
      for (const [index, kind] of kinds.entries()) {
        const all = Array.from({ length: pushes }, () => layers.fresh(Math.floor(bytes / options.scale)));
        const { atMost, seen } = await withServers([kind], workspace, ([server]) =>
          peakDuring(server, (port) => pushLayers(port, REPOSITORY, all, { form, connections: pushes })),
        );
        const measure = `memory of ${kind.name} in MB, ${name}, ${form}`;
        log(`${measure}: at most ${show(atMost)}, ${show(seen)} seen at once`);
        if (index === 0) bounds.push(memoryBound(measure, atMost, conditions));
      }
    }
  }
  return { measured: [], bounds };
}

async function peakDuring(server: Server | undefined, load: (port: number) => Promise<unknown>): Promise<MemoryPeak> {
  if (server === undefined) throw new Error('no server was started');
  // What it took to start is not what it takes to serve.
  forgetPeaks(server.pids);
  let seen = 0;
  const sampling = setInterval(() => {
    seen = Math.max(seen, presentMemory(server.pids));
  }, SAMPLE_MS);
  try {
    await load(server.port);
  } finally {
    clearInterval(sampling);
  }
  return { atMost: peakMemory(server.pids), seen };
}

function show(bytes: number): string {
  return `${(bytes / MEGABYTE).toFixed(0)} MB`;
}
