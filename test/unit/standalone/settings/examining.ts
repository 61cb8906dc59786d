/** What examine() makes of a start, for tests. */
import { join } from 'node:path';
import { examine } from '../../../../standalone/settings/examine.ts';
import { lineOf } from '../../../../standalone/settings/given.ts';
import { Settings } from '../../../../standalone/settings/settings.ts';

const ROOT = join(import.meta.dirname, '../../../..');

type Environment = Readonly<Record<string, string | undefined>>;

/** The lines with which a start is refused; none where it is not. */
export function refusals(words: readonly string[], environment: Environment = {}, root = ROOT): string[] {
  const examined = examine(words, environment, root);
  return examined.kind === 'problems' ? examined.problems.map(lineOf) : [];
}

export function settingsOf(words: readonly string[], environment: Environment = {}, root = ROOT): Settings {
  const examined = examine(words, environment, root);
  if (examined.kind === 'settings') return examined.settings;
  throw new Error(examined.kind === 'problems' ? examined.problems.map(lineOf).join('\n') : examined.kind);
}
