/**
 * Whether what was told is what happened. The events of a repository are played against a model of it: each attempt that was
 * answered has its events, each that was refused has none, and one without an answer has all of its own or none; and where
 * the events end, the registry is.
 */
import type { Attempt, Change, History } from './history.ts';
import type { ToldEvent } from './told.ts';

/** What a repository holds at its end: tags to digests, and digests. */
export interface FinalState {
  readonly tags: ReadonlyMap<string, string>;
  readonly manifests: ReadonlySet<string>;
}

class Model {
  readonly tags = new Map<string, string>();
  readonly manifests = new Set<string>();

  /** Does it, and says what has to be told of it. */
  does(change: Change): string[] {
    switch (change.kind) {
      case 'push-blob':
        return [`blob.push ${change.digest}`];
      case 'push': {
        const created = this.manifests.size === 0 ? ['repository.create'] : [];
        this.manifests.add(change.digest);
        if (change.tag === undefined) return [...created, `manifest.push ${change.digest}`];
        this.tags.set(change.tag, change.digest);
        return [...created, `manifest.push ${change.digest} ${change.tag}`];
      }
      case 'delete-tag':
        return this.tags.delete(change.tag) ? [`tag.delete ${change.tag}`] : ['nothing'];
      case 'delete-manifest':
        return this.#deleteManifest(change.digest);
    }
  }

  #deleteManifest(digest: string): string[] {
    if (!this.manifests.delete(digest)) return ['nothing'];
    const tags = [...this.tags].filter(([, target]) => target === digest).map(([tag]) => tag);
    for (const tag of tags) this.tags.delete(tag);
    const emptied = this.manifests.size === 0 ? ['repository.empty'] : [];
    // In no particular order of its tags.
    return [`manifest.delete ${digest}`, ...tags.sort().map((tag) => `tag.delete ${tag}`), ...emptied];
  }
}

/** The first thing that is wrong about one repository, or undefined. */
export function problemOf(
  attempts: readonly Attempt[],
  events: readonly ToldEvent[],
  final: FinalState,
): string | undefined {
  const model = new Model();
  let at = 0;
  for (const { name, change, outcome } of attempts) {
    const own: string[] = [];
    for (let next = events[at]; next?.attempt === name; next = events[at]) {
      own.push(textOf(next));
      at += 1;
    }
    const said = `${name} (${change.kind}, ${outcome})`;
    if (own.length === 0) {
      if (outcome === 'done') return `${said} is told by no event`;
      continue;
    }
    if (outcome === 'refused') return `${said} is told, though it was refused: ${own.join(', ')}`;
    const expected = model.does(change);
    if (inOneOrder(own) !== inOneOrder(expected))
      return `${said} is told by ${own.join(', ')}, not ${expected.join(', ')}`;
  }
  const left = events[at];
  if (left !== undefined) return `${textOf(left)} of ${left.attempt} is told out of turn, or never happened`;
  return differenceOf(model, final);
}

/** Tags of one manifest are deleted in any order. */
function inOneOrder(told: readonly string[]): string {
  const isTag = (text: string): boolean => text.startsWith('tag.delete');
  return [...told.filter((text) => !isTag(text)), ...told.filter(isTag).sort()].join(', ');
}

function textOf({ kind, digest, tag }: ToldEvent): string {
  return [kind, digest, tag].filter((part) => part !== undefined).join(' ');
}

function differenceOf(model: FinalState, final: FinalState): string | undefined {
  const [told, found] = [model, final].map(({ tags, manifests }) =>
    [...[...tags].map(([tag, digest]) => `${tag} → ${digest}`), ...manifests].sort().join(', '),
  );
  return told === found ? undefined : `the events end with ${told ?? ''}, and the registry has ${found ?? ''}`;
}

/** Of every repository; `finalOf` asks the registry. */
export async function problemsOf(
  history: History,
  told: { of(repository: string): readonly ToldEvent[] },
  finalOf: (repository: string) => Promise<FinalState>,
): Promise<string[]> {
  const problems: string[] = [];
  for (const repository of history.repositories) {
    const problem = problemOf(history.of(repository), told.of(repository), await finalOf(repository));
    if (problem !== undefined) problems.push(`${repository}: ${problem}`);
  }
  return problems;
}
