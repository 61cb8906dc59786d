/**
 * The registry that the clients are set against: a Berth of the test's own, started as `npm start`
 * starts it, or the one that BERTH_TEST_REGISTRY_URL names (a deployed Worker, or another registry
 * to compare with), which these tests then neither restart nor stop.
 */
import { randomBytes } from 'node:crypto';
import { startBerth } from '../berth-process.ts';

export interface RegistryUnderTest {
  readonly url: string;
  /** A repository name that no other run uses, so that a registry that is kept holds nothing of it yet. */
  repository(name: string): string;
  /** `host:port/repository:tag` in such a repository. */
  reference(name: string, tag: string): string;
  /** Ends the registry's process and starts it again on the same port and data. Absent where it is not ours to restart. */
  readonly restart: (() => Promise<void>) | undefined;
  stop(): Promise<void>;
}

/** Of the one that was asked for in place of the test's own. */
export function givenRegistry(): string | undefined {
  const given = process.env['BERTH_TEST_REGISTRY_URL'];
  return given === '' ? undefined : given;
}

export async function registryUnderTest(): Promise<RegistryUnderTest> {
  const given = givenRegistry();
  if (given !== undefined)
    return registryAt(
      () => given,
      undefined,
      () => Promise.resolve(),
    );
  let berth = await startBerth();
  return registryAt(
    () => berth.url,
    async () => {
      await berth.stop();
      berth = await berth.startAgain();
    },
    async () => {
      await berth.stop();
      await berth.discard();
    },
  );
}

/** @param url is asked for each time, since a restart may change it */
export function registryAt(
  url: () => string,
  restart: (() => Promise<void>) | undefined,
  stop: () => Promise<void>,
): RegistryUnderTest {
  const run = randomBytes(4).toString('hex');
  const repository = (name: string): string => `clients/${run}/${name}`;
  return {
    get url() {
      return url();
    },
    repository,
    reference: (name, tag) => `${new URL(url()).host}/${repository(name)}:${tag}`,
    restart,
    stop,
  };
}
