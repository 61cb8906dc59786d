/** A reason not to serve that a person can act on: one line, no stack. Anything else that is thrown is our defect. */
export const EXIT_FAILED = 1;
/** The customary code for a command that was typed wrongly. */
export const EXIT_USAGE = 2;

export class StartFailure extends Error {
  override readonly name = 'StartFailure';
  readonly exitCode: number;

  constructor(message: string, options: ErrorOptions & { readonly exitCode?: number } = {}) {
    super(message, options);
    this.exitCode = options.exitCode ?? EXIT_FAILED;
  }
}

/** The code of a system error (`EADDRINUSE`), or undefined for anything else. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

export function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What the system says of a disk or a limit that stands in the way of everything, and what to do. */
const IN_THE_WAY: Readonly<Record<string, (place: string) => string>> = {
  ENOSPC: (place) => `the disk of ${place} is full. Make room there, then start again.`,
  EDQUOT: (place) => `this user's quota on the disk of ${place} is used up. Make room there, then start again.`,
  EROFS: (place) =>
    `the disk of ${place} can only be read. Mount it for writing (mount -o remount,rw), then start again.`,
  EIO: (place) => `the disk of ${place} fails (EIO). Look at the system's log (dmesg), and at the disk.`,
  EMFILE: () => 'this process may open too few files at once. Type ulimit -n 4096, then start again.',
  ENFILE: () => 'the system has too many files open. End other programs, then start again.',
};
/** How workerd says the first of them (SQLite's error, and the system's words). */
const FULL = /SQLITE_FULL|database or disk is full|No space left on device/i;

/**
 * One line for a failure of the system's that a person can put right; undefined for any other.
 * @param place the directory that is worked in
 */
export function systemFailure(error: unknown, place: string): StartFailure | undefined {
  const code = FULL.test(describeError(error)) ? 'ENOSPC' : (systemErrorCode(error) ?? '');
  const message = IN_THE_WAY[code]?.(place);
  return message === undefined ? undefined : new StartFailure(message, { cause: error });
}
