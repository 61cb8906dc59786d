/**
 * When to stop. The first request lets everything in flight finish; a second one ends at once.
 * It comes as SIGINT (Ctrl-C) or SIGTERM. SIGHUP is left to its default, which `nohup` can ignore, but where Berth serves
 * (hang-ups.ts).
 */

/**
 * npm passes the signals that it gets on to us, and a terminal's Ctrl-C reaches both of us: one press arrives twice,
 * milliseconds apart. Nobody presses twice that fast and means it.
 */
const ECHO_MS = 500;
const PARENT_CHECK_MS = 1_000;
/** The parent as `scripts/berth` found it: installing takes a while, in which it may have ended. */
const PARENT = 'berth_parent';

/** What npm sets as `npm_lifecycle_event`: the names of the scripts that run a program which stops like this. */
const NPM_SCRIPTS: readonly (string | undefined)[] = ['start', 'proxy', 'copy', 'doctor', 'npx'];

const SIGNAL_EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
type StopSignal = keyof typeof SIGNAL_EXIT_CODES;

export interface StopHandlers {
  readonly stop: (reason: string) => void;
  /** Has to end the process, with this code. */
  readonly stopAtOnce: (exitCode: number) => void;
}

export function onStopRequests({ stop, stopAtOnce }: StopHandlers): void {
  const underNpm = NPM_SCRIPTS.includes(process.env['npm_lifecycle_event']);
  let first: { readonly signal: StopSignal | undefined; readonly at: number } | undefined;
  const request = (signal: StopSignal | undefined, reason: string): void => {
    const at = performance.now();
    if (first === undefined) {
      first = { signal, at };
      stop(reason);
      return;
    }
    const echo = underNpm && signal === first.signal && at - first.at < ECHO_MS;
    if (signal !== undefined && !echo) stopAtOnce(SIGNAL_EXIT_CODES[signal]);
  };
  process.on('SIGINT', () => {
    request('SIGINT', 'Ctrl-C');
  });
  process.on('SIGTERM', () => {
    request('SIGTERM', 'SIGTERM');
  });
  // npm that was killed can pass nothing on, and nobody would know that we are still here.
  if (underNpm)
    watchParent(() => {
      request(undefined, 'npm has ended');
    });
}

function watchParent(onGone: () => void): void {
  const parent = Number(process.env[PARENT] ?? process.ppid);
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    onGone();
  }, PARENT_CHECK_MS);
  timer.unref();
}
