/** Until when a request that nobody answered can take effect, and the counts of what was recorded. */
import { expect, it } from 'vitest';
import { Recorder } from '../../long/linearizability/recorder.ts';
import type { Loss } from '../../long/linearizability/recorder.ts';
import type { Call } from '../../long/linearizability/register.ts';

const PUT: Call = { kind: 'put', digest: 'a' };

function recorder() {
  const state = { now: 0 };
  const recorder = new Recorder(() => state.now);
  return {
    recorder,
    killed: (began: number, ended: number): void => {
      state.now = began;
      const over = recorder.kill();
      state.now = ended;
      over();
    },
    lost: (returned: number, outcome: Loss): void => {
      recorder.add('tag', { client: 1, call: PUT, invoked: returned - 1, returned, outcome });
    },
    until: (): number[] =>
      (recorder.histories().get('tag') ?? []).map(({ outcome }) => (outcome.kind === 'unknown' ? outcome.until : -1)),
  };
}

it('a request that was cut can take effect until all that was killed is gone', () => {
  const { killed, lost, until } = recorder();
  lost(15, 'cut');
  killed(10, 20);
  expect(until()).toEqual([20]);
});

it('one whose client hears of it late, until then', () => {
  const { killed, lost, until } = recorder();
  killed(10, 20);
  lost(25, 'cut');
  killed(30, 40);
  expect(until()).toEqual([25]);
});

it('one that was answered 5xx can take effect until its process is killed, or at any time', () => {
  const { killed, lost, until } = recorder();
  killed(10, 20);
  lost(25, 'unavailable');
  killed(30, 40);
  lost(45, 'unavailable');
  expect(until()).toEqual([40, Infinity]);
});

it('operations are counted by kind and outcome', () => {
  const { recorder: recorded, lost } = recorder();
  lost(1, 'cut');
  lost(2, 'cut');
  const times = { client: 2, invoked: 3, returned: 4 };
  recorded.add('other', { ...times, call: { kind: 'read', method: 'HEAD' }, outcome: { kind: 'seen', value: 'a' } });
  const condition = { kind: 'is', digest: 'a' } as const;
  recorded.add('other', {
    ...times,
    call: { kind: 'delete', condition },
    outcome: { kind: 'refused', current: 'b' },
  });
  expect(recorded.counts()).toBe('PUT cut 2, HEAD 200 1, DELETE if-match refused 1');
  expect(recorded.count).toBe(4);
});
