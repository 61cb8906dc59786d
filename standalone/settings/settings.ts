/** The settings of one start, after all of them were found right. */
import * as v from 'valibot';
import type { Environment } from '../setting-file.ts';
import type { Given } from './given.ts';
import { PROGRAM_ROWS, type ProgramName, type ProgramRows } from './program-settings.ts';
import type { Variables } from './worker-variables.ts';

export class Settings {
  /** What was given and counts, by the name of the setting. */
  readonly given: ReadonlyMap<string, Given>;
  /** What was given as well, and is outranked. */
  readonly outranked: readonly Given[];
  /** The Worker's settings under their names there, documents as their text, and what is no setting of Berth's. */
  readonly environment: Environment;
  /** [vars] of wrangler.toml, which all that was given outranks. */
  readonly configured: Variables;

  constructor(
    given: ReadonlyMap<string, Given>,
    outranked: readonly Given[],
    environment: Environment,
    configured: Variables,
  ) {
    this.given = given;
    this.outranked = outranked;
    this.environment = environment;
    this.configured = configured;
  }

  /** Of the program's own settings; its default where it was not given. */
  get<Name extends ProgramName>(name: Name): v.InferOutput<ProgramRows[Name]['schema']> {
    return v.parse(PROGRAM_ROWS[name].schema, this.given.get(name)?.text);
  }
}
