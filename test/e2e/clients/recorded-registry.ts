/**
 * A registry with a recorder before it, open or with people who have to sign in. Where they have to, its one address is the
 * recorder's: a client is sent to BERTH_PUBLIC_URL for its token and for its uploads, and crane takes no token server of a
 * private address other than the registry's own.
 */
import { basic, PERSON, WITH_ONE_PERSON } from '../access/one-person.ts';
import { startBerth } from '../berth-process.ts';
import type { BerthProcess } from '../berth-process.ts';
import type { Password } from './client.ts';
import { registryAt, registryUnderTest } from './registry-under-test.ts';
import type { RegistryUnderTest } from './registry-under-test.ts';
import { startRecorder } from './wire-recorder.ts';
import type { WireRecorder } from './wire-recorder.ts';

export interface RecordedRegistry<Person extends Password | undefined = Password | undefined> {
  readonly registry: RegistryUnderTest;
  readonly recorder: WireRecorder;
  /** Who signs in; undefined where nobody has to. */
  readonly person: Person;
  /** What goes with the test's own requests. */
  readonly headers: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

export async function openRegistry(): Promise<RecordedRegistry<undefined>> {
  const registry = await registryUnderTest();
  const recorder = await startRecorder(() => registry.url);
  return recorded(registry, recorder, undefined);
}

export async function registryOfPeople(): Promise<RecordedRegistry<Password>> {
  const running: { berth?: BerthProcess } = {};
  const recorder = await startRecorder(() => running.berth?.url ?? '');
  const publicUrl = `http://${recorder.host}`;
  const berth = await startBerth({ environment: { ...WITH_ONE_PERSON, BERTH_PUBLIC_URL: publicUrl } });
  running.berth = berth;
  const registry = registryAt(
    () => publicUrl,
    undefined,
    async () => {
      await berth.stop();
      await berth.discard();
    },
  );
  return recorded(registry, recorder, PERSON);
}

function recorded<Person extends Password | undefined>(
  registry: RegistryUnderTest,
  recorder: WireRecorder,
  person: Person,
): RecordedRegistry<Person> {
  return {
    registry,
    recorder,
    person,
    headers: person === undefined ? {} : basic(person),
    async stop() {
      await recorder.stop();
      await registry.stop();
    },
  };
}
