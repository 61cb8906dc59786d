/**
 * Clients that move, delete and read a few tags of one repository at random, all at once, among manifests that are there
 * already. Some of them are too large for a row: to push such a one waits between the look at a condition and the write.
 */
import { exchange } from '../../e2e/crash/exchange.ts';
import { blobOf } from '../../e2e/crash/ledger.ts';
import type { Blob } from '../../e2e/crash/ledger.ts';
import type { Seeded } from '../../e2e/crash/seeded.ts';
import type { UnstableBerth } from '../../e2e/crash/unstable-berth.ts';
import { check } from './checker.ts';
import { describeViolation } from './counterexample.ts';
import { Recorder } from './recorder.ts';
import type { Call, Condition, Value } from './register.ts';
import { INDEX_TYPE, REPOSITORY, TagClient } from './tag-client.ts';

const TAGS = ['one', 'two', 'three'] as const;
const SMALL_MANIFESTS = 4;
/** Above INLINE_MANIFEST_BYTES of src/objects/repository/large-manifests.ts. */
const LARGE_MANIFESTS = 2;
const LARGE_PADDING_BYTES = 66_000;
/** How often a condition names what the client saw last, and not any digest. */
const INFORMED = 0.7;

type Action = 'get' | 'head' | 'put' | 'compare and set' | 'create' | 'delete' | 'compare and delete';
const ACTIONS: readonly [Action, ...Action[]] = [
  ...['get', 'get', 'get', 'get', 'head', 'head', 'put', 'put', 'put'],
  ...['compare and set', 'compare and set', 'compare and set', 'compare and set', 'compare and set'],
  ...['create', 'create', 'delete', 'compare and delete', 'compare and delete'],
] as const;

export class Workload {
  readonly recorder = new Recorder(() => performance.now());
  readonly clients: number;
  readonly #berth: UnstableBerth;
  readonly #random: Seeded;
  readonly #manifests: ReadonlyMap<string, Blob>;
  readonly #digests: readonly [string, ...string[]];
  readonly #actors: readonly Actor[];
  #races = 0;

  private constructor(berth: UnstableBerth, random: Seeded, clients: number, manifests: readonly [Blob, ...Blob[]]) {
    this.#berth = berth;
    this.#random = random;
    this.clients = clients;
    this.#manifests = new Map(manifests.map((manifest) => [manifest.digest, manifest]));
    const [first, ...rest] = manifests;
    this.#digests = [first.digest, ...rest.map(({ digest }) => digest)];
    this.#actors = Array.from(
      { length: clients },
      (_, index) => new Actor(this.#client(index + 1), random.branch(`client ${index}`), this.#digests),
    );
  }

  /** With every manifest pushed, and no tag. */
  static async prepare(berth: UnstableBerth, random: Seeded, clients: number): Promise<Workload> {
    const small = Array.from({ length: SMALL_MANIFESTS - 1 }, (_, index) => manifestOf(`small ${index}`, 0));
    const large = Array.from({ length: LARGE_MANIFESTS }, (_, index) =>
      manifestOf(`large ${index}`, LARGE_PADDING_BYTES),
    );
    const manifests = [manifestOf('first', 0), ...small, ...large] as const;
    const { url } = await berth.serving();
    for (const { digest, bytes } of manifests) {
      const path = `/v2/${REPOSITORY}/manifests/${digest}`;
      const headers = { 'content-type': INDEX_TYPE };
      const answer = await exchange(url, { method: 'PUT', path, headers, body: { bytes } });
      const status = answer.kind === 'answer' ? answer.status : answer.reason;
      if (status !== 201) throw new Error(`PUT ${path}: ${status}`);
    }
    return new Workload(berth, random, clients, manifests);
  }

  /** All clients at once, until that many operations are recorded or it is over. */
  async run(operations: number, isOver: () => boolean): Promise<void> {
    const most = this.recorder.count + operations;
    const work = async (actor: Actor): Promise<void> => {
      while (this.recorder.count < most && !isOver()) await actor.act();
    };
    await Promise.all(this.#actors.map(work));
  }

  /**
   * Of all clients that set a tag at once under one condition, exactly one wins, and the others are refused with what it
   * has set; or the lines that tell otherwise. Nobody is killed meanwhile.
   */
  async race(): Promise<string[] | undefined> {
    this.#races += 1;
    const tag = `race-${this.#races}`;
    const [before, ...others] = this.#digests;
    const isFresh = this.#random.chance(0.5);
    const condition: Condition = isFresh ? { kind: 'is-absent' } : { kind: 'is', digest: before };
    if (!isFresh) await this.#client(0).send(tag, { kind: 'put', digest: before });
    const racers = Array.from({ length: this.clients }, async (_, index) => {
      const digest = others[index % others.length] ?? before;
      return { digest, outcome: await this.#client(index + 1).send(tag, { kind: 'put', digest, condition }) };
    });
    const ran = await Promise.all(racers);
    const answered = ran.flatMap(({ digest, outcome }) => (typeof outcome === 'string' ? [] : [{ digest, outcome }]));
    const winners = answered.filter(({ outcome }) => outcome.kind === 'done');
    const losers = answered.filter(
      ({ outcome }) => outcome.kind === 'refused' && outcome.current === winners[0]?.digest,
    );
    // Who was told to come again may have won.
    const isUncertain = answered.length < ran.length && winners.length === 0;
    if (isUncertain || (winners.length === 1 && losers.length === answered.length - 1)) return undefined;
    return [
      `${winners.length} of ${ran.length} who set ${tag} at once have won`,
      ...ran.map(({ digest, outcome }) => `${digest}: ${JSON.stringify(outcome)}`),
    ];
  }

  /** What every tag leads to at the end belongs to its history. */
  async readAll(): Promise<void> {
    for (const tag of this.recorder.histories().keys())
      await this.#client(0).send(tag, { kind: 'read', method: 'GET' });
  }

  /** The lines of the first tag whose history has no order; undefined where all have one. Throws where that is not known. */
  violation(): string[] | undefined {
    for (const [tag, history] of this.recorder.histories()) {
      const verdict = check(history);
      if (verdict.kind === 'violation') {
        return [`tag ${tag} is not linearizable`, ...describeViolation(verdict.violation)];
      }
      if (verdict.kind === 'too-hard') {
        throw new Error(
          `whether tag ${tag} is linearizable was not found out: ${history.length} operations are too hard`,
        );
      }
    }
    return undefined;
  }

  #client(number: number): TagClient {
    return new TagClient(this.#berth, this.recorder, this.#manifests, number);
  }
}

/** A client with a memory of what it saw of each tag. */
class Actor {
  readonly #client: TagClient;
  readonly #random: Seeded;
  readonly #digests: readonly [string, ...string[]];
  readonly #seen = new Map<string, Value>();

  constructor(client: TagClient, random: Seeded, digests: readonly [string, ...string[]]) {
    this.#client = client;
    this.#random = random;
    this.#digests = digests;
  }

  async act(): Promise<void> {
    const tag = this.#random.pick(TAGS);
    const call = this.#callOf(this.#random.pick(ACTIONS), tag);
    const outcome = await this.#client.send(tag, call);
    if (typeof outcome === 'string') return;
    switch (outcome.kind) {
      case 'done':
        this.#seen.set(tag, call.kind === 'put' ? call.digest : undefined);
        break;
      case 'seen':
        this.#seen.set(tag, outcome.value);
        break;
      case 'refused':
        this.#seen.set(tag, outcome.current);
        break;
    }
  }

  #callOf(action: Action, tag: string): Call {
    switch (action) {
      case 'get':
        return { kind: 'read', method: 'GET' };
      case 'head':
        return { kind: 'read', method: 'HEAD' };
      case 'put':
        return { kind: 'put', digest: this.#random.pick(this.#digests) };
      case 'compare and set':
        return { kind: 'put', digest: this.#random.pick(this.#digests), condition: this.#expected(tag) };
      case 'create':
        return { kind: 'put', digest: this.#random.pick(this.#digests), condition: { kind: 'is-absent' } };
      case 'delete':
        return { kind: 'delete' };
      case 'compare and delete':
        return { kind: 'delete', condition: this.#expected(tag) };
    }
  }

  #expected(tag: string): Condition {
    const seen = this.#random.chance(INFORMED) ? this.#seen.get(tag) : undefined;
    return { kind: 'is', digest: seen ?? this.#random.pick(this.#digests) };
  }
}

/** An index of nothing needs nothing else to be there. */
function manifestOf(name: string, paddingBytes: number): Blob {
  const annotations = { name, padding: 'x'.repeat(paddingBytes) };
  const index = { schemaVersion: 2, mediaType: INDEX_TYPE, manifests: [], annotations };
  return blobOf(new TextEncoder().encode(JSON.stringify(index)));
}
