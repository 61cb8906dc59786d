/** What the tests of a single client start and end: the client, a registry, and a recorder between them. */
import { afterAll, beforeAll } from 'vitest';
import type { TestContext } from 'vitest';
import { requireClient } from './client.ts';
import type { Availability, RegistryClient } from './client.ts';
import { PREPARATION_LIMIT_MS } from './go-programs.ts';
import { openRegistry } from './recorded-registry.ts';
import type { RecordedRegistry } from './recorded-registry.ts';
import type { RegistryUnderTest } from './registry-under-test.ts';
import { makeScratch } from './scratch.ts';
import type { Scratch } from './scratch.ts';
import type { WireRecorder } from './wire-recorder.ts';

const END_LIMIT_MS = 120_000;

interface Started<T> {
  readonly recorded: RecordedRegistry;
  readonly scratch: Scratch;
  readonly client: Availability<T>;
}

interface RecordedClient<T> {
  readonly client: T;
  readonly registry: RegistryUnderTest;
  readonly recorder: WireRecorder;
  readonly scratch: Scratch;
}

/** Tells a test what it has to work with, and ends it where the client is missing. */
export function recordedClient<T extends RegistryClient>(
  name: string,
  start: (scratch: Scratch) => Promise<Availability<T>>,
): (context: TestContext) => RecordedClient<T> {
  let started: Started<T> | undefined;

  beforeAll(async () => {
    const scratch = makeScratch();
    const client = await start(scratch);
    started = { scratch, client, recorded: await openRegistry() };
  }, PREPARATION_LIMIT_MS);

  afterAll(async () => {
    if (started === undefined) return;
    const { client, recorded, scratch } = started;
    if (client.kind === 'available') await client.value.stop();
    await recorded.stop();
    await scratch.remove();
  }, END_LIMIT_MS);

  return (context) => {
    if (started === undefined) throw new Error(`${name} and its registry are started before the first test`);
    const { client, recorded, scratch } = started;
    const { registry, recorder } = recorded;
    return { client: requireClient(context, name, client), registry, recorder, scratch };
  };
}
