/**
 * The key that secrets of webhooks are encrypted with, where the admin API is given them: made at the first start, in a file
 * of its owner alone beside the data. A variable of the environment outranks it. No log ever has it, and no backup, which
 * would hold a lock beside its key.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { parseConfig } from '../src/config.ts';
import { readSecretFile, unfinishedName, writeSecretFile } from './secret-file.ts';
import { StartFailure } from './start-failure.ts';
import type { Environment } from './setting-file.ts';

export const ENCRYPTION_KEY = 'encryption-key';
export const NEW_ENCRYPTION_KEY = unfinishedName(ENCRYPTION_KEY);
const SETTING = 'BERTH_ENCRYPTION_KEY';
/** AES-256. */
const KEY_BYTES = 32;
const REMEDY =
  'Put back the one that was there; or delete it, start again, and give the admin API the secrets of its endpoints once more.';

/**
 * The environment as if the key of the file had been given, unless another one is.
 *
 * @param data the data directory, which this process has to itself
 */
export function withEncryptionKey(data: string, environment: Environment): Environment {
  if ((environment[SETTING] ?? '') !== '') return environment;
  return { ...environment, [SETTING]: readEncryptionKey(data) ?? writeEncryptionKey(data) };
}

function readEncryptionKey(data: string): string | undefined {
  const path = join(data, ENCRYPTION_KEY);
  const key = readSecretFile(path, REMEDY);
  if (key === undefined || isKey(key)) return key;
  throw new StartFailure(`${path} holds no key of 32 bytes in base64. ${REMEDY}`);
}

function writeEncryptionKey(data: string): string {
  const key = randomBytes(KEY_BYTES).toString('base64');
  writeSecretFile(data, ENCRYPTION_KEY, key);
  return key;
}

function isKey(text: string): boolean {
  try {
    parseConfig({ [SETTING]: text });
    return true;
  } catch {
    return false;
  }
}
