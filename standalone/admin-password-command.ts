/**
 * `npm run admin-password`: shows the admin password of a data directory, or makes a new one. Only the password is on stdout,
 * so that it can be handed on; what there is to know besides is on stderr.
 * Exit codes: 0 shown, 1 there is none or it cannot be read, 2 typed wrongly.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { isGiven, readAdminPassword, writeAdminPassword } from './admin-password.ts';
import { DATA_HELP, dataDirectoryOf, type DataOptions } from './settings/data-setting.ts';
import { describeError, EXIT_FAILED, EXIT_USAGE, StartFailure } from './start-failure.ts';
import { readVersion } from './version-file.ts';

const HELP = `Shows the password of the admin API, which npm start made in the data directory.

  npm run admin-password [-- --data DIR] [--new]

${DATA_HELP}
  --new        makes a new one. A registry that is running takes the old one
               until it is stopped and started again

BERTH_ADMIN_PASSWORD in the environment of npm start outranks the file.`;

// What is written is nobody else's to read.
process.umask(0o077);
process.exitCode = main(process.argv.slice(2));

function main(words: readonly string[]): number {
  const options = optionsOf(words);
  if (options === undefined) {
    console.error('These are no options of it. npm run admin-password -- --help lists them.');
    return EXIT_USAGE;
  }
  if (options.help) {
    console.log(HELP);
    return 0;
  }
  try {
    show(dataDirectoryOf(options, process.env), options.new);
    return 0;
  } catch (error) {
    console.error(error instanceof StartFailure ? error.message : describeError(error));
    return error instanceof StartFailure ? error.exitCode : EXIT_FAILED;
  }
}

function show(typed: string, isNew: boolean): void {
  const data = resolve(typed);
  const version = readVersion(data);
  if (version === undefined || version === 'damaged')
    throw new StartFailure(`${typed} holds no data of Berth. Start it once, or name its directory: --data DIR`);
  const password = isNew ? writeAdminPassword(data) : readAdminPassword(data);
  if (password === undefined)
    throw new StartFailure(`there is no admin password in ${typed} yet. Start Berth, or make one: --new`);
  console.log(password);
  if (isNew) console.error('A registry that is running takes the old one until it is stopped and started again.');
  if (isGiven(process.env))
    console.error('BERTH_ADMIN_PASSWORD is set here: where Berth starts with it, it counts instead.');
}

interface Options extends DataOptions {
  readonly new: boolean;
  readonly help: boolean;
}

function optionsOf(words: readonly string[]): Options | undefined {
  try {
    const { values } = parseArgs({
      args: [...words],
      options: {
        data: { type: 'string' },
        config: { type: 'string' },
        new: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    return { data: values.data, config: values.config, new: values.new ?? false, help: values.help ?? false };
  } catch {
    return undefined;
  }
}
