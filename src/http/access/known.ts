/**
 * What this isolate knows of access (ADR 10): the snapshot of accounts, policy and keys, and the credentials that it saw of
 * late. Each may be believed for a minute, and is renewed in the background from half of it on, so that a request of a warm
 * isolate waits for no object, and what is revoked is gone everywhere after that minute. What cannot be renewed in time is
 * not believed any longer: then nobody comes in.
 *
 * That a secret is unknown is never remembered: it may have been made a moment ago.
 */
import type { AccessSnapshot, Credential } from '../../objects/accounts/messages.ts';
import { RegistryError } from '../../oci/error.ts';
import { logEvent } from '../../observability/log.ts';
import { SharedReads } from '../../registry/shared-reads.ts';

/** The longest that a revocation takes: docs/access.md and docs/security.md name it. */
const LONGEST_BELIEF_MS = 60_000;
const RENEWED_FROM_MS = 30_000;
/** A renewal that has said nothing for so long went away with its request. */
const RENEWAL_PATIENCE_MS = 10_000;
/** About a kilobyte each. */
const MOST_CREDENTIALS = 5_000;
const SNAPSHOT = 'snapshot';

/** How the object of accounts is asked; each is one call. */
export interface AccountsReader {
  snapshot(): Promise<AccessSnapshot>;
  findBySecret(secretHash: string): Promise<Credential | undefined>;
  findById(id: string): Promise<Credential | undefined>;
}

interface Belief<T> {
  readonly value: T;
  /** When it was asked for: what the object knew since then is not in it. */
  readonly askedAt: number;
  renewalBegan?: number;
}

/** A request's own means: its meter counts the calls of `accounts`, and `hold` keeps what goes on after its answer. */
export interface Asking {
  readonly accounts: AccountsReader;
  /** For what is asked after the answer, and is no cost of this request. */
  readonly later: AccountsReader;
  readonly hold: (work: Promise<unknown>) => void;
}

type Found = AccessSnapshot | Credential | undefined;

export class Known {
  #snapshot: Belief<AccessSnapshot> | undefined;
  /** By `secret <hash>` or `id <id>`, least lately used first. */
  readonly #credentials = new Map<string, Belief<Credential>>();
  readonly #reads = new SharedReads<Found>();
  /** Count up when the snapshot, or credentials, are forgotten: what was asked for before is not remembered after. */
  #snapshotEra = 0;
  #era = 0;

  async snapshot(asking: Asking): Promise<AccessSnapshot> {
    const load = async (accounts: AccountsReader): Promise<AccessSnapshot> => {
      const [askedAt, era] = [Date.now(), this.#snapshotEra];
      const value = await accounts.snapshot();
      if (era === this.#snapshotEra) this.#snapshot = { value, askedAt };
      return value;
    };
    const belief = this.#snapshot;
    if (belief !== undefined && isFresh(belief)) {
      renewInBackground(belief, load, asking);
      return belief.value;
    }
    await this.#shared(SNAPSHOT, () => load(asking.accounts), asking);
    // Of a call that was shared the value is there; one that everybody forgot meanwhile is asked for again.
    const now = this.#snapshot;
    return now !== undefined && isFresh(now) ? now.value : load(asking.accounts);
  }

  /** The credential whose secret has this SHA-256, as long as it counts. */
  bySecret(hash: string, asking: Asking): Promise<Credential | undefined> {
    return this.#credential(`secret ${hash}`, (accounts) => accounts.findBySecret(hash), asking);
  }

  /** Whether the secret was used here of late. */
  isInUse(hash: string): boolean {
    return this.#credentials.has(`secret ${hash}`);
  }

  byId(id: string, asking: Asking): Promise<Credential | undefined> {
    return this.#credential(`id ${id}`, (accounts) => accounts.findById(id), asking);
  }

  /** After a change that this isolate made itself: its maker sees it at once. */
  forget(): void {
    this.#snapshotEra += 1;
    this.#era += 1;
    this.#snapshot = undefined;
    this.#credentials.clear();
  }

  /** As `forget`, where somebody revoked a credential of their own: nobody else has to be asked for again. */
  forgetOwner(name: string): void {
    this.#era += 1;
    for (const [key, { value }] of this.#credentials) if (value.owner.name === name) this.#credentials.delete(key);
  }

  async #credential(
    key: string,
    find: (accounts: AccountsReader) => Promise<Credential | undefined>,
    asking: Asking,
  ): Promise<Credential | undefined> {
    const load = async (accounts: AccountsReader): Promise<Credential | undefined> => {
      const [askedAt, era] = [Date.now(), this.#era];
      const value = await find(accounts);
      if (era !== this.#era) return value;
      if (value === undefined) this.#credentials.delete(key);
      else this.#remember(key, { value, askedAt });
      return value;
    };
    const belief = this.#credentials.get(key);
    if (belief === undefined || !isFresh(belief)) {
      const found = await this.#shared(key, () => load(asking.accounts), asking);
      return found !== undefined && 'owner' in found ? unexpired(found) : undefined;
    }
    renewInBackground(belief, load, asking);
    this.#credentials.delete(key);
    this.#credentials.set(key, belief);
    return unexpired(belief.value);
  }

  #remember(key: string, belief: Belief<Credential>): void {
    this.#credentials.delete(key);
    this.#credentials.set(key, belief);
    const [oldest] = this.#credentials.keys();
    if (this.#credentials.size > MOST_CREDENTIALS && oldest !== undefined) this.#credentials.delete(oldest);
  }

  async #shared(key: string, load: () => Promise<Found>, { hold }: Asking): Promise<Found> {
    try {
      return await this.#reads.read(key, load, hold);
    } catch (cause) {
      logEvent('error', 'accounts unreachable', { error: String(cause) });
      throw new RegistryError('UNAVAILABLE', {
        message: 'who may come in cannot be told just now; try again',
        headers: { 'retry-after': '1' },
        cause,
      });
    }
  }
}

function isFresh({ askedAt }: Belief<unknown>): boolean {
  const age = Date.now() - askedAt;
  return age >= 0 && age <= LONGEST_BELIEF_MS;
}

function renewInBackground(
  belief: Belief<unknown>,
  load: (accounts: AccountsReader) => Promise<unknown>,
  { later, hold }: Asking,
): void {
  const now = Date.now();
  if (now - belief.askedAt < RENEWED_FROM_MS) return;
  if (belief.renewalBegan !== undefined && now - belief.renewalBegan < RENEWAL_PATIENCE_MS) return;
  belief.renewalBegan = now;
  const renewal = load(later).catch((error: unknown) => {
    logEvent('warn', 'accounts unreachable', { error: String(error) });
  });
  hold(renewal);
}

function unexpired(credential: Credential): Credential | undefined {
  const { expiresAt } = credential;
  return expiresAt === undefined || expiresAt > Date.now() ? credential : undefined;
}

/** One an isolate. */
export const KNOWN = new Known();
