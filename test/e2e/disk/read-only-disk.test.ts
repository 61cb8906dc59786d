/** A data directory that cannot be written, also not by root: a file system that is mounted read-only. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { refusal, start } from '../berths.ts';
import { SmallDisk } from './small-disk.ts';

test('a data directory on a read-only file system is refused in one line, whether it is new or was used before', async (context) => {
  const disk = await SmallDisk.mount(context, 64);
  const used = join(disk.path, 'used');
  const before = await start({ data: used });
  await before.stop();
  await disk.remount('ro');
  for (const data of [used, join(disk.path, 'new')]) {
    const { code, said } = await refusal({ data });
    expect(code).toBe(1);
    expect(said).toHaveLength(1);
    expect(said[0]).toContain(`${data} can't be`);
    expect(said[0]).toContain('read-only file system');
  }
});
