/**
 * Whether a repository's object was ever made, without making it. Cloudflare keeps nothing of an object that writes
 * nothing; workerd gives a database, three open files and 240 KB of memory to whatever object is asked for something, so
 * that reading enough names that nobody pushed to would end `npm start`. There, and only there, the objects' databases are
 * bound as a directory: a file for each object, made before the first write to it and removed while nothing serves.
 */

/** Of each isolate. An object that was made stays. */
const known = new Set<string>();
/** Ids of 64 characters: some 10 MB. */
const MOST_KNOWN = 50_000;

/** Nobody resolves this name: the binding leads to one place. */
const FILES_URL = 'http://objects/';

/** What `npm start` binds: the directory with the database of each repository's object. */
export interface ObjectFilesBindings {
  REPOSITORY_FILES?: Fetcher;
}

/** True also where it can't be told. */
export async function isRepositoryMade(
  id: DurableObjectId,
  { REPOSITORY_FILES }: ObjectFilesBindings,
): Promise<boolean> {
  const name = id.toString();
  if (REPOSITORY_FILES === undefined || known.has(name)) return true;
  const { status } = await REPOSITORY_FILES.fetch(`${FILES_URL}${name}.sqlite`, { method: 'HEAD' });
  if (status === 404) return false;
  if (known.size >= MOST_KNOWN) known.clear();
  known.add(name);
  return true;
}
