import { describe, expect, it } from 'vitest';
import { WorkMeter, type Answer } from '../../../src/observability/work.ts';

const WORK = { objectCalls: 1, storeOperations: 2 };

/** Fails as the platform fails, once for each of these marks, and then answers. */
function failing(...marks: Record<string, boolean>[]): { ask: () => Promise<Answer<string>>; asked: () => number } {
  let asked = 0;
  const ask = async (): Promise<Answer<string>> => {
    const mark = marks[asked];
    asked += 1;
    if (mark !== undefined) throw Object.assign(new Error('the object is gone'), mark);
    return { result: 'answer', work: WORK };
  };
  return { ask, asked: () => asked };
}

describe('a meter', () => {
  it('counts a call and what it caused further down', async () => {
    const meter = new WorkMeter();
    meter.countStoreOperation();
    expect(await meter.call(failing().ask())).toBe('answer');
    expect(meter.work).toEqual({ objectCalls: 2, storeOperations: 3 });
  });

  it.each(['retryable', 'durableObjectReset'])('asks an object that is %s once more, and counts both', async (mark) => {
    const meter = new WorkMeter();
    const { ask, asked } = failing({ [mark]: true });
    expect(await meter.callAgain(ask)).toBe('answer');
    expect(asked()).toBe(2);
    expect(meter.work).toEqual({ objectCalls: 3, storeOperations: 2 });
  });

  it.each([
    ['is overloaded, whatever else it says', [{ retryable: true, overloaded: true }], 1],
    ['fails for another reason', [{}], 1],
    ['fails twice', [{ retryable: true }, { retryable: true }], 2],
  ])('lets an object that %s fail', async (_what, marks, times) => {
    const { ask, asked } = failing(...marks);
    await expect(new WorkMeter().callAgain(ask)).rejects.toThrow('the object is gone');
    expect(asked()).toBe(times);
  });
});
