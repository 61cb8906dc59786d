/** How many things are at work at once, and what is remembered of those that are done. */
import { expect, it } from 'vitest';
import { forEachAsItComes, Gate } from '../../../../tools/copy/gate.ts';
import { Memory } from '../../../../tools/copy/memory.ts';

it('lets so many in at once, the others in the order of coming, and goes on after one that throws', async () => {
  const gate = new Gate(2);
  const begun: number[] = [];
  const doors = Array.from({ length: 5 }, () => Promise.withResolvers<undefined>());
  const runs = doors.map(({ promise }, number) =>
    gate.run(async () => {
      begun.push(number);
      await promise;
    }),
  );
  expect(begun).toEqual([0, 1]);
  doors[1]?.reject(new Error('it failed'));
  await expect(runs[1]).rejects.toThrow('it failed');
  doors[2]?.resolve(undefined);
  await runs[2];
  expect(begun).toEqual([0, 1, 2, 3]);
  for (const { resolve } of doors) resolve(undefined);
  await Promise.allSettled(runs);
  expect(begun).toEqual([0, 1, 2, 3, 4]);
});

it('asks for no more than is worked on', async () => {
  let given = 0;
  async function* items(): AsyncGenerator<number> {
    while (given < 20) {
      given += 1;
      yield given;
    }
  }
  let [running, most, done] = [0, 0, 0];
  const three = Promise.withResolvers<undefined>();
  await forEachAsItComes(items(), 3, async () => {
    running += 1;
    most = Math.max(most, running);
    expect(given - done).toBeLessThanOrEqual(3);
    if (running === 3) three.resolve(undefined);
    await three.promise;
    running -= 1;
    done += 1;
  });
  expect({ done, most }).toEqual({ done: 20, most: 3 });
});

it('forgets what was used longest ago', () => {
  const memory = new Memory<string, object>(2);
  const [a, b, c] = [{}, {}, {}];
  memory.set('a', a);
  memory.set('b', b);
  memory.get('a');
  memory.set('c', c);
  expect([memory.get('a'), memory.get('b'), memory.get('c')]).toEqual([a, undefined, c]);
  memory.delete('a');
  expect(memory.get('a')).toBeUndefined();
});
