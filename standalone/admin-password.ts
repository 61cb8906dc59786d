/**
 * The admin password beside the data: made at the first start, so that nobody has to invent one, and in a file of its owner
 * alone, so that nobody has to remember it. A variable of the environment outranks it. No log ever has it.
 */
import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { parseConfig } from '../src/config.ts';
import { DEFAULT_DATA_DIRECTORY } from './settings/program-settings.ts';
import { readSecretFile, unfinishedName, writeSecretFile } from './secret-file.ts';
import { StartFailure } from './start-failure.ts';

export const ADMIN_PASSWORD = 'admin-password';
export const NEW_ADMIN_PASSWORD = unfinishedName(ADMIN_PASSWORD);
const SETTING = 'BERTH_ADMIN_PASSWORD';
/** 192 bits, in characters that every client and shell takes. */
const RANDOM_BYTES = 24;

type Environment = Readonly<Record<string, string | undefined>>;

export interface WithPassword {
  /** The environment as if the password of the file had been given, unless another one is. */
  readonly environment: Environment;
  /** Where it was made just now. */
  readonly made: { readonly path: string; readonly password: string } | undefined;
}

/** @param data the data directory, which this process has to itself */
export function withAdminPassword(data: string, environment: Environment): WithPassword {
  if (isGiven(environment)) return { environment, made: undefined };
  const found = readAdminPassword(data);
  const password = found ?? writeAdminPassword(data);
  return {
    environment: { ...environment, [SETTING]: password },
    made: found === undefined ? { path: join(data, ADMIN_PASSWORD), password } : undefined,
  };
}

/** An empty variable counts as none. */
export function isGiven(environment: Environment): boolean {
  return (environment[SETTING] ?? '') !== '';
}

/** Undefined where there is none yet. Throws StartFailure where it cannot be read, or is no password. */
export function readAdminPassword(data: string): string | undefined {
  const path = join(data, ADMIN_PASSWORD);
  const password = readSecretFile(path, renewal(data));
  if (password === undefined) return undefined;
  if (!isPassword(password))
    throw new StartFailure(`${path} holds no password of at least 16 characters. ${renewal(data)}`);
  return password;
}

/** What shows that of this data directory, as it is typed: the command looks into the default one by itself. */
export function adminPasswordCommand(data: string, ...words: readonly string[]): string {
  const options = [...(resolve(data) === resolve(DEFAULT_DATA_DIRECTORY) ? [] : ['--data', asTyped(data)]), ...words];
  return ['npm run admin-password', ...(options.length === 0 ? [] : ['--', ...options])].join(' ');
}

function renewal(data: string): string {
  return `${adminPasswordCommand(data, '--new')} makes another.`;
}

/** As one word of a shell. */
function asTyped(path: string): string {
  return /^[\w./@+,:=-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}

/** Makes one, in place of what is there. */
export function writeAdminPassword(data: string): string {
  const password = `berth_admin_${randomBytes(RANDOM_BYTES).toString('base64url')}`;
  writeSecretFile(data, ADMIN_PASSWORD, password);
  return password;
}

function isPassword(text: string): boolean {
  try {
    parseConfig({ [SETTING]: text });
    return true;
  } catch {
    return false;
  }
}
