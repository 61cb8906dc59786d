/** The id of a registry in its data directory. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ensureRegistryId, parseRegistryId, readRegistryId, writeRegistryId } from '../../../standalone/registry-id.ts';

let data: string;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'berth-id-'));
});
afterEach(() => {
  rmSync(data, { recursive: true });
});

it('is made once, and another one in another directory', () => {
  expect(readRegistryId(data)).toBeUndefined();
  const id = ensureRegistryId(data);
  expect(readFileSync(join(data, 'registry-id'), 'utf8')).toBe(`${id}\n`);
  expect([ensureRegistryId(data), readRegistryId(data), readdirSync(data)]).toEqual([id, id, ['registry-id']]);
  const other = mkdtempSync(join(data, 'other-'));
  expect(ensureRegistryId(other)).not.toBe(id);
  writeRegistryId(other, id);
  expect(readRegistryId(other)).toBe(id);
});

it('is refused where the file holds something else, and left alone', () => {
  writeFileSync(join(data, 'registry-id'), 'mine\n');
  expect(() => ensureRegistryId(data)).toThrow(
    `${join(data, 'registry-id')} holds no id of a registry. Put back the one that was there, which its backups have too; or delete it, and back up into a new directory.`,
  );
  expect(readFileSync(join(data, 'registry-id'), 'utf8')).toBe('mine\n');
  expect(parseRegistryId(`${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)}\nx`)).toBeUndefined();
});
