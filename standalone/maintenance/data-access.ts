/**
 * How a tool comes to read a data directory: by its lock where nobody serves it, through the control socket of the Berth
 * that does. Either way nothing that the tool needs vanishes until it ends.
 */
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ALIVE, leftoverGone, tryLock } from '../directory-lock.ts';
import { describeError, StartFailure } from '../start-failure.ts';
import { newerPart, readVersion, VERSION, type VersionFile } from '../version-file.ts';
import { ControlClient } from './control-client.ts';

export interface Access {
  readonly path: string;
  /** As people know it. */
  readonly typed: string;
  /** Of the Berth that serves it; undefined where this process has the lock. */
  readonly control: ControlClient | undefined;
  /** What is noted of the data. It stays so while there is access: a Berth notes what it knows before it serves. */
  readonly version: VersionFile;
}

/** Throws StartFailure with one line that says what to do. */
export async function openData(typed: string, tool: string): Promise<Access> {
  const path = resolve(typed);
  try {
    demandOurs(path, typed, tool);
    if (tryLock(path)) {
      if (await leftoverGone(path, () => undefined)) return accessBy(undefined);
      throw new StartFailure(
        `${typed} is still in use by a workerd that an earlier Berth left behind. End it (fuser ${join(typed, ALIVE)} tells its process id), then run this again.`,
      );
    }
    const control = await ControlClient.connect(path, typed);
    if (control !== undefined) return accessBy(control);
  } catch (error) {
    if (error instanceof StartFailure) throw error;
    throw new StartFailure(`${typed} can't be used: ${describeError(error)}`, { cause: error });
  }
  throw new StartFailure(
    `${typed} is in use by a Berth that starts or stops, or by another backup, verify or restore. Try again in a moment.`,
  );

  /** Until now another release may have begun to serve it. */
  function accessBy(control: ControlClient | undefined): Access {
    return { path, typed, control, version: demandOurs(path, typed, tool) };
  }
}

/**
 * Throws StartFailure unless these are whole data that this release can read. It reads those of every earlier one.
 *
 * @returns what is noted of them
 */
export function demandOurs(path: string, typed: string, tool: string): VersionFile {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new StartFailure(`${typed} is not there or no directory. Name a data directory of Berth.`);
  const version = readVersion(path);
  if (version === undefined)
    throw new StartFailure(`${typed} holds no data of Berth, or half a copy of some: it has no ${VERSION}.`);
  if (version === 'damaged') throw new StartFailure(`${join(typed, VERSION)} is damaged: it should say {"version":1}.`);
  const newer = newerPart(version);
  if (newer !== undefined)
    throw new StartFailure(`${typed} was written by a newer Berth (${newer}). Use that one, or a later one.`);
  if (version.storage !== 'filesystem')
    throw new StartFailure(
      `${typed} keeps its blobs in the bucket's emulator (--storage r2); npm run ${tool} knows the filesystem only.`,
    );
  return version;
}
