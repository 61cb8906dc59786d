/** Many who read one tag at once: real requests, of which one waits for another's call. */
import { expect, it } from 'vitest';
import { OCI_MANIFEST } from '../../src/oci/media-type.ts';
import { getManifest, imageOf, pushed, putManifest } from './client.ts';
import { faults } from './faults.ts';
import { newBlob } from './world.ts';

const NAME = 'shared/reads';
const READERS = 40;
const CALL = 'front>REPOSITORY.getManifest';

it('read what was pushed before they came, though a call of before is still under way, and share one call', async () => {
  const blob = await pushed(NAME, await newBlob(100));
  const digests: string[] = [];
  const push = async (round: number): Promise<void> => {
    const answer = await putManifest(
      NAME,
      'latest',
      imageOf(blob, { annotations: { round: String(round) } }),
      OCI_MANIFEST,
    );
    expect(answer.status).toBe(201);
    digests.push(answer.headers.get('docker-content-digest') ?? '');
  };
  const read = async (): Promise<string | null> => {
    const answer = await getManifest(NAME, 'latest');
    await answer.body?.cancel();
    return answer.headers.get('docker-content-digest');
  };
  await push(1);
  faults.reset();
  const answered = faults.pause(CALL, 'after');
  const early = read();
  await answered.reached();
  await push(2);
  const late = Array.from({ length: READERS }, read);
  // All have arrived before the first call is answered.
  await new Promise((resolve) => setTimeout(resolve, 0));
  answered.release();
  expect(await early).toBe(digests[0]);
  expect(new Set(await Promise.all(late))).toEqual(new Set([digests[1]]));
  const calls = faults.trace.filter(({ point }) => point === CALL).length;
  expect(calls).toBeLessThan(READERS / 2);
});
