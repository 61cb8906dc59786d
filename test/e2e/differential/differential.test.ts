/**
 * Berth beside distribution 2.8.2, asked the same. What distribution answers is a fact, not a model: each difference is a
 * row of docs/compatibility-distribution.md with its reason, and each row a difference that is still there.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Server } from '../../../bench/peer/server.ts';
import { startBerth, type BerthProcess } from '../berth-process.ts';
import { requireClient, type Availability } from '../clients/client.ts';
import { findDistribution, startDistribution, VERSION } from './distribution.ts';
import { differencesOver, type Addresses } from './runner.ts';
import { SCRIPT, STEP_IDS } from './script.ts';
import { formatRow, readTable } from './table.ts';

/** What a row without a reason says in the message of a failure: it is to be mended, or explained. */
const NO_REASON = 'no reason given yet';

describe(`Berth and distribution ${VERSION}`, () => {
  let servers: Availability<Addresses>;
  let berth: BerthProcess | undefined;
  let distribution: Server | undefined;

  beforeAll(async () => {
    const found = await findDistribution();
    if (found.kind === 'unavailable') {
      servers = found;
      return;
    }
    distribution = await startDistribution(found.value);
    berth = await startBerth();
    const value = { berth: berth.url, distribution: `http://127.0.0.1:${distribution.port}` };
    servers = { kind: 'available', value };
  });

  afterAll(async () => {
    await berth?.discard();
    await distribution?.discard();
  });

  it.for(SCRIPT)('differ over $name in what the table says, and in nothing else', async (resource, context) => {
    const addresses = requireClient(context, 'docker-registry', servers);
    const found = await differencesOver(resource, addresses);
    const rows = readTable().filter(({ id }) => id.startsWith(`${resource.name}/`));
    const reasons = new Map(rows.map(({ id, reason }) => [id, reason]));
    expect(rows.map((row) => formatRow(row, row.reason))).toEqual(
      found.map((difference) => formatRow(difference, reasons.get(difference.id) ?? NO_REASON)),
    );
  });
});

describe('the table', () => {
  it('names requests of the script alone, in its order', () => {
    const rows = readTable().map(({ id }) => id);
    expect(rows.length).toBeGreaterThan(0);
    expect(rows).toEqual(STEP_IDS.filter((id) => rows.includes(id)));
  });

  it('belongs to a script that gives each request an id of its own', () => {
    expect(new Set(STEP_IDS).size).toBe(STEP_IDS.length);
    expect(STEP_IDS.length).toBeGreaterThan(100);
  });
});
