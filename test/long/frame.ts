/**
 * Runs campaigns one after the other, each in a process of its own: whatever one does, it is over in its time, and the
 * next finds a clean machine. Prints the seed first and, for every failure, the command that brings it back.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { loadCampaigns } from './table.ts';
import { parseOptions, plan, type PlannedCampaign } from './options.ts';

const ONE_CAMPAIGN = join(import.meta.dirname, 'one.ts');
const MINUTE_MS = 60_000;
const SEEDS = 2 ** 32;
/** After its deadline a campaign may bring to an end what runs, e.g. a push and the check of what it stored. */
const OVERTIME_MS = 60_000;
/** Between asking a campaign's processes to end and ending them. */
const LAST_WORDS_MS = 10_000;

export interface Patience {
  readonly overtimeMs: number;
  readonly lastWordsMs: number;
}

/** Runs the table's campaigns as the arguments say, and returns the exit code. */
export async function runCampaigns(
  tableFile: string,
  given: readonly string[],
  patience: Patience = { overtimeMs: OVERTIME_MS, lastWordsMs: LAST_WORDS_MS },
): Promise<number> {
  const options = parseOptions(given);
  if (typeof options === 'string') return refuse(options);
  const planned = plan(await loadCampaigns(tableFile), options);
  if (typeof planned === 'string') return refuse(planned);
  const seed = options.seed ?? randomInt(SEEDS);
  console.log(`seed ${String(seed)}, ${String(options.minutes)} minutes, ${String(planned.length)} campaigns`);

  const failures: string[] = [];
  for (const campaign of planned) {
    console.log(`\n${campaign.name}: ${minutesOf(campaign.milliseconds)} minutes`);
    const started = performance.now();
    const problem = await runOne(tableFile, campaign, seed, patience);
    const took = minutesOf(performance.now() - started);
    console.log(`${campaign.name}: ${problem === undefined ? 'passed' : `FAILED, ${problem}`}, after ${took} minutes`);
    if (problem === undefined) continue;
    const minutes = minutesOf(campaign.milliseconds);
    failures.push(`npm run test:long -- --only ${campaign.name} --seed ${String(seed)} --minutes ${minutes}`);
  }
  if (failures.length > 0) console.log(`\nTo run what failed again:\n  ${failures.join('\n  ')}`);
  console.log(`\n${String(planned.length - failures.length)} passed, ${String(failures.length)} failed`);
  return failures.length === 0 ? 0 : 1;
}

/** Runs one campaign to its end, or to the end of its time; returns what went wrong. */
async function runOne(
  tableFile: string,
  { name, milliseconds }: PlannedCampaign,
  seed: number,
  { overtimeMs, lastWordsMs }: Patience,
): Promise<string | undefined> {
  const deadline = Date.now() + milliseconds;
  const child = spawn(process.execPath, [ONE_CAMPAIGN, tableFile, name, String(seed), String(deadline)], {
    stdio: ['ignore', 'inherit', 'inherit'],
    // A group of its own, so that its end takes along what it has started.
    detached: true,
  });
  let overstayed = false;
  const timers: NodeJS.Timeout[] = [];
  timers.push(
    setTimeout(() => {
      overstayed = true;
      signalGroup(child, 'SIGTERM');
      timers.push(
        setTimeout(() => {
          signalGroup(child, 'SIGKILL');
        }, lastWordsMs),
      );
    }, milliseconds + overtimeMs),
  );
  const stopListening = endTogether(child);
  const ending = await new Promise<string | undefined>((settle) => {
    child.once('error', (error) => {
      settle(`it could not be started: ${error.message}`);
    });
    child.once('exit', (code, signal) => {
      if (overstayed) settle('it did not end in its time');
      else if (signal !== null) settle(`it was ended by ${signal}`);
      else settle(code === 0 ? undefined : `it ended with code ${String(code)}`);
    });
  });
  for (const timer of timers) clearTimeout(timer);
  stopListening();
  signalGroup(child, 'SIGKILL');
  return ending;
}

/** Whoever ends this process ends the campaign: being a group of its own, it does not hear a terminal's Ctrl-C. */
function endTogether(child: ChildProcess): () => void {
  const end = (signal: NodeJS.Signals): void => {
    signalGroup(child, 'SIGKILL');
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  process.on('SIGINT', end).on('SIGTERM', end);
  return () => process.off('SIGINT', end).off('SIGTERM', end);
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // Nobody of the group is left.
  }
}

function refuse(problem: string): number {
  console.error(`${problem}\nUsage: npm run test:long -- [--minutes N] [--only NAME] [--seed S]`);
  return 2;
}

function minutesOf(milliseconds: number): string {
  return (milliseconds / MINUTE_MS).toFixed(2);
}
