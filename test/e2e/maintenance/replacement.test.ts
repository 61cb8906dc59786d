/** A backup never takes the place of another registry's, nor drops all that is left of one: a disk may not have been mounted. */
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { start, startAgain } from '../berths.ts';
import { newImage, push } from './images.ts';
import { blobFiles, refused, scratch, wellDone } from './tools.ts';

test('a backup of another registry, or of an empty one in the place of that which was backed up, leaves the backup whole', async () => {
  const berth = await start();
  await push(berth.url, newImage('team/app', 'latest'));
  const { data } = berth;
  const backup = join(scratch(), 'backup');
  const settings = join(scratch(), 'berth.toml');
  writeFileSync(settings, `data = ${JSON.stringify(data)}\n`);
  expect(await wellDone('backup', '--to', backup, '--config', settings)).toContain(`Backed ${data} up`);
  expect(await wellDone('verify', '--config', settings)).toContain('All is well: 2 blobs');
  await berth.stop();
  const id = readFileSync(join(data, 'registry-id'), 'utf8');
  expect(readFileSync(join(backup, 'registry-id'), 'utf8')).toBe(id);

  // The disk is not mounted, and a start makes an empty registry there.
  const away = join(scratch(), 'away');
  renameSync(data, away);
  const empty = await startAgain(berth);
  const blobs = blobFiles(backup);
  const line = `${backup} is the backup of another registry than the one in ${data}, and is left as it is. See that ${data} is the right directory, and its disk mounted; or choose another directory for this one's backup: --to DIR`;
  expect(await refused('backup', '--to', backup, '--data', data)).toBe(line);
  await push(empty.url, newImage('other', 'latest'));
  await empty.stop();
  expect(await refused('backup', '--to', backup, '--data', data, '--drop-all')).toBe(line);
  expect(blobFiles(backup)).toEqual(blobs);

  // A backup of a release that noted no registry.
  rmSync(join(backup, 'registry-id'));
  const all = `${backup} has 2 blobs, and the registry in ${data} none of them: the backup is left as it is. See that ${data} is the right directory, and its disk mounted; if all of it was deleted there and shall be dropped here, add --drop-all`;
  expect(await refused('backup', '--to', backup, '--data', data)).toBe(all);
  expect(readdirSync(backup)).not.toContain('state.new');
  const restored = join(scratch(), 'restored');
  expect(await wellDone('restore', '--from', backup, '--data', restored)).toContain('2 blobs');

  // It becomes that of the registry that it was of.
  await wellDone('backup', '--to', backup, '--data', away);
  expect(readFileSync(join(backup, 'registry-id'), 'utf8')).toBe(id);
  expect(await refused('backup', '--to', backup, '--data', data)).toBe(line);

  // What is restored is the same registry.
  rmSync(restored, { recursive: true });
  await wellDone('restore', '--from', backup, '--data', restored);
  expect(await wellDone('backup', '--to', backup, '--data', restored)).toContain('Copied 0 blobs');

  // All was deleted on purpose.
  rmSync(join(backup, 'registry-id'));
  expect(await wellDone('backup', '--to', backup, '--data', data, '--drop-all')).toContain('dropped 2 blobs');
});

test('a registry that has lost all that it had is not backed up over what is left of it', async () => {
  const berth = await start();
  await berth.stop();
  const { data } = berth;
  const full = await start();
  await push(full.url, newImage('team/app', 'latest'));
  await full.stop();
  const backup = join(scratch(), 'backup');
  await wellDone('backup', '--to', backup, '--data', full.data);
  // Its databases are gone, and it is the same registry.
  rmSync(join(full.data, 'state'), { recursive: true });
  renameSync(join(data, 'state'), join(full.data, 'state'));
  expect(await refused('backup', '--to', backup, '--data', full.data)).toContain('none of them');
  expect(blobFiles(backup)).toHaveLength(2);
});
