/**
 * What the smallest Worker tells of each bound: whether any Worker here could hold it, and how near Berth comes to the
 * smallest one. Pure.
 */
import { generalDoubt, scatterOf, type Conditions } from '../peer/bounds.ts';
import { ratio, type Measured } from '../peer/measured.ts';
import { textTable } from '../text-table.ts';
import { DIRECT_FLOOR, FLOOR } from './floor-kind.ts';

/** `void` where the machine can't tell. */
type Finding = 'Berth does' | 'a Worker could' | 'only without the front' | 'no Worker could' | 'void';

export interface Reach {
  readonly measure: string;
  /** The registry that the bound is about. */
  readonly against: string;
  readonly limit: number;
  /** Times as fast as that registry. */
  readonly berth: number;
  readonly floor: number;
  /** Undefined where a client needs the front. */
  readonly direct: number | undefined;
  /** Times as fast as the smallest Worker behind the front. */
  readonly berthOfFloor: number;
  /** Who holds the bound. */
  readonly finding: Finding;
  /** Why it is void. */
  readonly reason?: string;
}

/** Of the bound against each registry that was measured. */
export function reachOf(one: Measured, conditions: Conditions): Reach[] {
  const floor = one.peers.find(({ name }) => name === FLOOR);
  if (floor === undefined) throw new Error(`${one.measure}: the smallest Worker was not measured`);
  const direct = one.peers.find(({ name }) => name === DIRECT_FLOOR);
  const registries = one.peers.filter((peer) => peer !== floor && peer !== direct);
  return registries.map((registry) => {
    const ratios = {
      limit: one.limit,
      berth: ratio(one.berth, registry),
      floor: ratio(floor, registry),
      direct: direct === undefined ? undefined : ratio(direct, registry),
      berthOfFloor: ratio(one.berth, floor),
    };
    const reach = { measure: one.measure, against: registry.name, ...ratios };
    const doubt = generalDoubt(conditions) ?? scatterOf(registry) ?? scatterOf(floor);
    return doubt === undefined
      ? { ...reach, finding: findingOf(ratios) }
      : { ...reach, finding: 'void', reason: doubt };
  });
}

/** Ratios that are no numbers (nothing was measured) prove nothing. */
function findingOf({ limit, berth, floor, direct }: Pick<Reach, 'limit' | 'berth' | 'floor' | 'direct'>): Finding {
  if (berth >= limit) return 'Berth does';
  if (floor >= limit) return 'a Worker could';
  if (direct !== undefined && direct >= limit) return 'only without the front';
  return floor < limit ? 'no Worker could' : 'void';
}

export function reachTable(all: readonly Reach[]): string {
  const rows = all.map(({ measure, against, limit, berth, floor, direct, berthOfFloor, finding, reason }) => [
    `${measure}, against ${against}`,
    ...[limit, berth, floor, direct, berthOfFloor].map((figure) => figure?.toFixed(2) ?? ''),
    reason === undefined ? finding : `${finding}: ${reason}`,
  ]);
  const head = ['times as fast', 'asked', 'Berth', 'smallest Worker', 'no front', 'Berth : smallest', 'who holds it'];
  return textTable(head, rows).join('\n');
}
