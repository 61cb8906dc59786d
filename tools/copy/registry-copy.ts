/** A whole registry: which repositories it has, which tags these have, and a few of them at work at a time. */
import { parseTag, type Tag } from '../../src/oci/reference.ts';
import { parseRepositoryName, type RepositoryName } from '../../src/oci/repository-name.ts';
import { forEachAsItComes } from './gate.ts';
import { quoted } from '../registry/outcome.ts';
import { RepositoryCopy, type RepositoryCopyOptions } from './repository-copy.ts';

const NOT_FOUND = 404;
const ALL = 'the list of repositories';

interface Item {
  readonly repository: RepositoryCopy;
  readonly tag: Tag;
}

/** @param names undefined: all that the source's catalog lists. */
export async function copyRegistry(
  names: readonly RepositoryName[] | undefined,
  options: RepositoryCopyOptions,
): Promise<void> {
  await forEachAsItComes(items(names, options), options.parallel, ({ repository, tag }) => repository.copyTag(tag));
}

async function* items(
  names: readonly RepositoryName[] | undefined,
  options: RepositoryCopyOptions,
): AsyncGenerator<Item> {
  for await (const name of names ?? catalog(options)) {
    options.tally.repository();
    const repository = new RepositoryCopy(name, options);
    for await (const tag of tags(name, { ...options, isListed: names === undefined })) yield { repository, tag };
  }
}

async function* catalog({ source, tally }: RepositoryCopyOptions): AsyncGenerator<RepositoryName> {
  let isThere = false;
  for await (const listed of source.repositories()) {
    if (listed.kind === 'broken') {
      // Many have no catalog, or none for everybody.
      const isRefused = !isThere && listed.isUnanswered === undefined;
      const hint = !isRefused ? '' : ': name them with --repository NAME or --repositories FILE';
      tally.fail('catalog', ALL, `${listed.reason}${hint}`);
      return;
    }
    isThere = true;
    for (const text of listed.entries) {
      const name = parseRepositoryName(text);
      if (name !== undefined) yield name;
      else tally.fail('repository', JSON.stringify(quoted(text)), 'it is no name that a repository may have');
    }
  }
}

async function* tags(
  name: RepositoryName,
  { source, tally, isListed }: RepositoryCopyOptions & { readonly isListed: boolean },
): AsyncGenerator<Tag> {
  for await (const listed of source.tags(name)) {
    if (listed.kind === 'broken') {
      // A catalog names what was deleted, or never had a tag.
      if (!isListed || listed.status !== NOT_FOUND) tally.fail('repository', name, listed.reason);
      return;
    }
    for (const text of listed.entries) {
      const tag = parseTag(text);
      if (tag !== undefined) yield tag;
      else tally.fail('tag', `${name}:${quoted(text)}`, 'it is no tag that a registry may have');
    }
  }
}
