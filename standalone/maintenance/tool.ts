/**
 * What `npm run verify`, `backup` and `restore` have in common: how their options are read and how they end.
 * Exit codes: 0 all is well, 1 something is wrong, 2 typed wrongly. Results are on stdout; progress and the one line that
 * tells why a tool broke off are on stderr.
 */
import { parseArgs } from 'node:util';
import * as v from 'valibot';
import { EXIT_FAILED, EXIT_USAGE, StartFailure, systemErrorCode } from '../start-failure.ts';

export interface Tool<Options> {
  /** As in `npm run <name>`. */
  readonly name: string;
  readonly help: string;
  readonly options: v.GenericSchema<unknown, Options>;
  /** A value for each option that has one. */
  readonly examples: Readonly<Record<string, string>>;
  /** Options that have none. */
  readonly switches?: readonly string[];
}

export type Words<Options> =
  | { readonly kind: 'run'; readonly options: Options }
  | { readonly kind: 'help' }
  | { readonly kind: 'mistake'; readonly message: string };

/** Pure. */
export function parseWords<Options>(tool: Tool<Options>, words: readonly string[]): Words<Options> {
  const { name, examples, switches = [] } = tool;
  const usage = `npm run ${name} -- --help lists the options.`;
  // npm takes options for its own unless two dashes stand before them, and passes on what is left.
  const dashes = `Options go behind two dashes: npm run ${name} -- ${Object.entries(examples)
    .map(([option, example]) => `--${option} ${example}`)
    .join(' ')}`;
  const options: Record<string, { type: 'string' | 'boolean' }> = {};
  for (const option of Object.keys(examples)) options[option] = { type: 'string' };
  for (const option of switches) options[option] = { type: 'boolean' };
  const { tokens } = parseArgs({
    args: [...words],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const given: Record<string, string | true> = {};
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') return mistake(`${JSON.stringify(token.value)} is not an option. ${dashes}`);
    if (['--help', '-h'].includes(token.rawName)) return { kind: 'help' };
    if (switches.includes(token.name)) {
      if (token.value !== undefined) return mistake(`${token.rawName} takes no value. ${usage}`);
      given[token.name] = true;
      continue;
    }
    const example = examples[token.name];
    if (example === undefined) return mistake(`${JSON.stringify(token.rawName)} is unknown. ${usage}`);
    // Without an equals sign the parser takes whatever follows, another option included.
    if (!token.value || (!token.inlineValue && token.value.startsWith('-'))) return mistake(needs(token.name, example));
    given[token.name] = token.value;
  }
  const parsed = v.safeParse(tool.options, given);
  if (parsed.success) return { kind: 'run', options: parsed.output };
  const lacking = Object.entries(examples).filter(([option]) =>
    parsed.issues.some((issue) => issue.path?.[0]?.key === option),
  );
  return mistake(lacking.map(([option, example]) => needs(option, example)).join('; '));

  function needs(option: string, example: string): string {
    return `--${option} needs a path, behind two dashes, for example: npm run ${name} -- --${option} ${example}`;
  }
}

function mistake(message: string): { readonly kind: 'mistake'; readonly message: string } {
  return { kind: 'mistake', message };
}

/** `work` answers whether all is well. */
export async function runTool<Options>(
  tool: Tool<Options>,
  work: (options: Options) => Promise<boolean>,
): Promise<never> {
  // What is written is nobody else's to read.
  process.umask(0o077);
  // What is to be cleared away at the end is, also then.
  for (const [signal, exitCode] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)
    process.once(signal, () => process.exit(exitCode));
  const words = parseWords(tool, process.argv.slice(2));
  switch (words.kind) {
    case 'help':
      console.log(tool.help);
      return process.exit(0);
    case 'mistake':
      console.error(words.message);
      return process.exit(EXIT_USAGE);
    case 'run':
      return process.exit(await outcome(tool.name, () => work(words.options)));
  }
}

async function outcome(name: string, work: () => Promise<boolean>): Promise<number> {
  try {
    return (await work()) ? 0 : EXIT_FAILED;
  } catch (error) {
    if (error instanceof StartFailure) {
      console.error(error.message);
      return error.exitCode;
    }
    // The disk is full, a directory is somebody else's: the system's message names the file.
    if (error instanceof Error && systemErrorCode(error) !== undefined)
      console.error(`npm run ${name} broke off: ${error.message}`);
    else throw error;
    return EXIT_FAILED;
  }
}
