/** The bytes of manifests that are too large for a row: each is a blob of its own digest, stored and adopted like one. */
import type { WorkMeter } from '../../observability/work.ts';
import type { Digest } from '../../oci/digest.ts';
import { mintKey, type StorageDriver } from '../../storage/driver.ts';
import { metered } from '../../storage/metered.ts';
import type { Location } from '../blob-directory/blob-directory.ts';
import type { Objects } from '../stubs.ts';
import type { TaskOutcome, Tasks } from '../tasks.ts';
import { judgeWinner } from '../winner.ts';
import type { Adoption } from './adoption.ts';
import type { Links } from './links.ts';
import { splitSubject, subjectOf } from './task-subject.ts';

/** Manifests up to this size lie in the table; a larger one is a blob, so that nobody can fill the object's 10 GB. */
export const INLINE_MANIFEST_BYTES = 64 * 1024;
/** An object that a manifest push stored and did not link by then is given up. */
const STORED_MS = 10 * 60_000;

export type LargeManifestTask = 'disown';

interface Parts {
  readonly links: Links;
  readonly tasks: Pick<Tasks<LargeManifestTask>, 'add' | 'remove' | 'arm'>;
  readonly store: StorageDriver;
  readonly objects: Objects;
  readonly adoption: Adoption;
}

export class LargeManifests {
  readonly #links: Links;
  readonly #tasks: Parts['tasks'];
  readonly #store: StorageDriver;
  readonly #objects: Objects;
  readonly #adoption: Adoption;

  constructor({ links, tasks, store, objects, adoption }: Parts) {
    this.#links = links;
    this.#tasks = tasks;
    this.#store = store;
    this.#objects = objects;
    this.#adoption = adoption;
  }

  /**
   * Stores the bytes and links them; false if the caller has to push again.
   *
   * @param isKnown whether the repository has the manifest, whose bytes then only have to be there
   */
  async store(meter: WorkMeter, digest: Digest, bytes: Uint8Array, isKnown: boolean): Promise<boolean> {
    const store = metered(this.#store, meter);
    const known = isKnown ? this.#links.find(digest) : undefined;
    if (known !== undefined && (await store.head(known.location.key))?.size === bytes.byteLength) return true;
    const own: Location = { store: store.name, key: mintKey(), size: bytes.byteLength };
    const givingUp = subjectOf(digest, own.key);
    this.#tasks.add('disown', givingUp, Date.now() + STORED_MS);
    await this.#tasks.arm();
    if ((await store.put(own.key, bytes, own.size, digest)) !== 'stored') return false;
    const adopted = await this.#adoption.adopt(meter, digest, own);
    if (adopted.kind !== 'linked') return false;
    const verdict = await judgeWinner(this.#objects, store, meter, digest, own, adopted.location);
    // Either way the directory decides whose key it is: the task finds it mapped, or deletes it.
    if (verdict === 'own') this.#tasks.remove('disown', givingUp);
    else this.#tasks.add('disown', givingUp, Date.now());
    return verdict !== 'adopt-again';
  }

  async disown(subject: string): Promise<TaskOutcome> {
    const { digest, rest: key } = splitSubject(subject);
    const { result } = await this.#objects.directory(digest).disown(digest, key);
    if (result === 'disowned') await this.#store.delete([key]);
    return 'done';
  }
}
