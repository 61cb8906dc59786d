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
    expect(await refusal({ data })).toEqual({
      code: 1,
      said: [`the disk of ${data} can only be read. Mount it for writing (mount -o remount,rw), then start again.`],
    });
  }
});
