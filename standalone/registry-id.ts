/**
 * Which registry a data directory is of: a random word that is made once. Its backups have the same, and so has what is
 * restored of them; so a backup sees that another registry's would take its place. It is no secret.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { unfinishedName, writeSecretFile } from './secret-file.ts';
import { describeError, StartFailure, systemErrorCode } from './start-failure.ts';

export const REGISTRY_ID = 'registry-id';
export const NEW_REGISTRY_ID = unfinishedName(REGISTRY_ID);
const FORM = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const REMEDY =
  'Put back the one that was there, which its backups have too; or delete it, and back up into a new directory.';

declare const brand: unique symbol;
export type RegistryId = string & { readonly [brand]: 'RegistryId' };

export function parseRegistryId(text: string): RegistryId | undefined {
  return isRegistryId(text) ? text : undefined;
}

function isRegistryId(text: string): text is RegistryId {
  return FORM.test(text);
}

/** Undefined where there is none: that of a release which knew of none. Throws StartFailure where it cannot be read. */
export function readRegistryId(directory: string): RegistryId | undefined {
  const path = join(directory, REGISTRY_ID);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw new StartFailure(`${path} can't be read (${describeError(error)}).`, { cause: error });
  }
  const id = parseRegistryId(text.trimEnd());
  if (id === undefined) throw new StartFailure(`${path} holds no id of a registry. ${REMEDY}`);
  return id;
}

/** @param directory which this process has to itself */
export function writeRegistryId(directory: string, id: RegistryId): void {
  writeSecretFile(directory, REGISTRY_ID, id);
}

/** Makes one where there is none. */
export function ensureRegistryId(directory: string): RegistryId {
  const found = readRegistryId(directory);
  if (found !== undefined) return found;
  const made = parseRegistryId(randomUUID());
  if (made === undefined) throw new Error('a random UUID is no id');
  writeRegistryId(directory, made);
  return made;
}
