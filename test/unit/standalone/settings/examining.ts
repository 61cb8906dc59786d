/** What examine() makes of a start, for tests. */
import { examine } from '../../../../standalone/settings/examine.ts';
import { lineOf } from '../../../../standalone/settings/given.ts';
import { Settings } from '../../../../standalone/settings/settings.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The lines with which a start is refused; none where it is not. */
export function refusals(words: readonly string[], environment: Environment = {}): string[] {
  const examined = examine(words, environment);
  return examined.kind === 'problems' ? examined.problems.map(lineOf) : [];
}

export function settingsOf(words: readonly string[], environment: Environment = {}): Settings {
  const examined = examine(words, environment);
  if (examined.kind === 'settings') return examined.settings;
  throw new Error(examined.kind === 'problems' ? examined.problems.map(lineOf).join('\n') : examined.kind);
}
