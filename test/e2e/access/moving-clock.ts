/**
 * A time of day that a test moves while a real Berth serves by it, unchanged: moving-clock.c, compiled and loaded before the C
 * library. Clients have the system's time, and so know less of what has expired than they would at their own clock.
 */
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { unavailable, type Availability } from '../clients/client.ts';
import { CommandFailure, runCommand } from '../clients/command.ts';
import type { Scratch } from '../clients/scratch.ts';

const SOURCE = join(import.meta.dirname, 'moving-clock.c');
/** For a library that needs none: neither headers nor what a program starts with have to be installed. */
const FLAGS = ['-shared', '-fPIC', '-ffreestanding', '-nostdlib', '-O1', '-Wall', '-Wextra', '-Werror'];
const SECONDS_PER_MINUTE = 60;

export interface MovingClock {
  /** For whoever is to live by it. */
  readonly environment: Readonly<Record<string, string>>;
  forward(minutes: number): void;
}

export async function movingClock(scratch: Scratch): Promise<Availability<MovingClock>> {
  if (process.platform !== 'linux')
    return { kind: 'unavailable', reason: 'only on Linux can it be put before workerd' };
  const folder = scratch.folder('clock');
  const library = join(folder, 'clock.so');
  try {
    await runCommand('cc', [...FLAGS, '-o', library, SOURCE], { env: scratch.env });
  } catch (error) {
    if (error instanceof CommandFailure) return unavailable('it could not be compiled: is gcc installed?', error);
    throw error;
  }
  const file = join(folder, 'ahead');
  let aheadSeconds = 0;
  writeFileSync(file, long(aheadSeconds));
  return {
    kind: 'available',
    value: {
      environment: { LD_PRELOAD: library, MOVING_CLOCK: file },
      forward(minutes) {
        aheadSeconds += minutes * SECONDS_PER_MINUTE;
        // In place: it is mapped, and a file that gets shorter is an error to whoever reads it so.
        const written = openSync(file, 'r+');
        writeSync(written, long(aheadSeconds));
        closeSync(written);
      },
    },
  };
}

/** C's `long` of the machines that workerd is made for. */
function long(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return bytes;
}
