/** What a step comes to among what the registry holds just now: an operation, mostly one that is taken. Pure. */
import { digestOfBytes } from './bytes.ts';
import type { Contents } from './contents.ts';
import { Dice } from './dice.ts';
import { ARTIFACT_TYPES, documentOf } from './documents.ts';
import type { Blob, ChunkRange, Conditions, EntityTags, Operation, ReadMethod } from './operation.ts';
import { digestOf, repositoryOf } from './state.ts';
import type { Session, State } from './state.ts';
import type { Act } from './steps.ts';
import { WILD_REPOSITORIES } from './wild.ts';

/** So that one is the beginning of another, and none comes where one might look for it. */
const TAGS = ['v1', 'v1.0', 'v1.0-rc', 'V1', 'latest', '_', '0', 'a.b', 'v10', 'x'.repeat(128)] as const;
const BAD_TAGS = ['.hidden', '-dash', 'x'.repeat(129), 'a~b'] as const;
const BAD_DIGESTS = [
  'sha256:',
  'sha256:ABC',
  'md5:d41d8cd98f00b204e9800998ecf8427e',
  `sha256:${'g'.repeat(64)}`,
] as const;
const BAD_NAMES = ['Upper/case', 'a_-b', '.dot', 'a/_b', 'x'.repeat(256)] as const;
const PAGE_SIZES = ['1', '2', '3', '0', '1000', '99999', '007'] as const;
const BAD_PAGE_SIZES = ['-1', '1.5', '', 'ten', '1e1'] as const;
const RANGES = [
  ...['bytes=0-0', 'bytes=0-', 'bytes=1-3', 'bytes=-1', 'bytes=-5000', 'bytes=2-99999999', 'bytes=4999-4999'],
  ...['bytes=5000-', 'bytes=3-1', 'bytes=-0', 'bytes=0-1,3-4', 'items=0-1', 'bytes=a-b', 'bytes=99999999999999999999-'],
] as const;
const BAD_CHUNK_RANGES = [
  '9-5',
  'x',
  'bytes=',
  '0-',
  '-5',
  '0-9/5',
  '99999999999999999999-99999999999999999999',
] as const;
const LARGEST_CHUNK_BYTES = 4_000;

export interface Knowledge {
  readonly state: State;
  readonly repositories: readonly [string, ...string[]];
  readonly contents: Contents;
  /** Addresses of a session, the newest last. */
  readonly paths: (session: number) => readonly string[];
  readonly nextSession: number;
  readonly serial: number | undefined;
}

export function operationOf(act: Exclude<Act, 'race'>, thrown: readonly number[], knowledge: Knowledge): Operation {
  return new Choice(new Dice(thrown), knowledge).of(act);
}

class Choice {
  readonly #dice: Dice;
  readonly #knowledge: Knowledge;
  readonly #repository: string;

  constructor(dice: Dice, knowledge: Knowledge) {
    this.#dice = dice;
    this.#knowledge = knowledge;
    const known = dice.pick(knowledge.repositories);
    this.#repository = dice.chance(0.02) ? dice.pick(BAD_NAMES) : known;
  }

  of(act: Exclude<Act, 'race'>): Operation {
    const repository = this.#repository;
    const dice = this.#dice;
    switch (act) {
      case 'base':
        return { kind: 'base', method: this.#method(), path: dice.pick(['/v2/', '/', '/healthz', '/v2'] as const) };
      case 'catalog':
        return {
          kind: 'catalog',
          method: this.#method(),
          n: this.#pageSize(),
          last: dice.pick([undefined, repository]),
        };
      case 'tags': {
        const last = dice.chance(0.6) ? (dice.some(this.#tags) ?? 'm') : undefined;
        return { kind: 'tags', repository, method: this.#method(), n: this.#pageSize(), last };
      }
      case 'referrers': {
        const subjects = [...this.#there.manifests.values()].flatMap(({ document }) => document.subject ?? []);
        const digest = dice.chance(0.8) ? (dice.some(subjects) ?? this.#manifestDigest()) : this.#manifestDigest();
        const artifactType = dice.chance(0.5) ? dice.pick([...ARTIFACT_TYPES, 'a/b', ''] as const) : undefined;
        const last = dice.chance(0.05) ? dice.pick(['x', '-1', ''] as const) : undefined;
        return { kind: 'referrers', repository, method: this.#method(), digest, artifactType, last };
      }
      case 'get-manifest':
        return { kind: 'get-manifest', repository, method: this.#method(), ...this.#reference() };
      case 'delete-manifest':
        return { kind: 'delete-manifest', repository, ...this.#reference() };
      case 'put-manifest':
        return this.#putManifest();
      case 'get-blob': {
        const digest = this.#blobDigest();
        const range = dice.chance(0.6) ? dice.pick(RANGES) : undefined;
        const ifRange =
          range !== undefined && dice.chance(0.3)
            ? dice.pick([`"${digest}"`, '"other"', 'Sat, 28 Nov 2026 00:00:00 GMT'])
            : undefined;
        return {
          kind: 'get-blob',
          repository,
          method: this.#method(),
          digest,
          range,
          ifRange,
          ...this.#conditions(digest),
        };
      }
      case 'delete-blob': {
        const digest = this.#blobDigest();
        return { kind: 'delete-blob', repository, digest, ...this.#conditions(digest) };
      }
      case 'open':
      case 'push-blob':
      case 'mount':
        return this.#open(act);
      case 'status':
      case 'append':
      case 'close':
      case 'cancel':
        return this.#onSession(act);
    }
  }

  get #there() {
    return repositoryOf(this.#knowledge.state, this.#repository);
  }

  get #tags(): string[] {
    return [...this.#there.tags.keys()];
  }

  #method(): ReadMethod {
    return this.#dice.chance(0.25) ? 'HEAD' : 'GET';
  }

  #pageSize(): string | undefined {
    if (!this.#dice.chance(0.7)) return undefined;
    return this.#dice.chance(0.1) ? this.#dice.pick(BAD_PAGE_SIZES) : this.#dice.pick(PAGE_SIZES);
  }

  #manifestDigest(): string {
    const dice = this.#dice;
    if (dice.chance(0.04)) return dice.pick(BAD_DIGESTS);
    const known = dice.chance(0.9) ? [...this.#there.manifests.keys()] : this.#knowledge.contents.digests;
    return dice.some(known) ?? this.#knowledge.contents.some(dice).digest;
  }

  #blobDigest(): string {
    const dice = this.#dice;
    if (dice.chance(0.04)) return dice.pick(BAD_DIGESTS);
    const known = dice.chance(0.85) ? [...this.#there.blobs.keys()] : [];
    return dice.some(known) ?? this.#knowledge.contents.some(dice).digest;
  }

  #reference(): { reference: string } & Conditions {
    const dice = this.#dice;
    const byTag = dice.chance(0.6);
    const tag = dice.chance(0.85) ? dice.some(this.#tags) : undefined;
    const bad = dice.chance(0.03);
    const reference = bad ? dice.pick(BAD_TAGS) : byTag ? (tag ?? dice.pick(TAGS)) : this.#manifestDigest();
    return { reference, ...this.#conditions(digestOf(this.#there, reference)) };
  }

  /** Mostly none, and mostly ones that hold. */
  #conditions(current: string | undefined): Conditions {
    const dice = this.#dice;
    if (!dice.chance(0.2)) return {};
    const other = this.#knowledge.contents.some(dice).digest;
    const right: EntityTags = current === undefined ? [other] : [current];
    const one = dice.pick<EntityTags>([right, '*', [other], [other, ...right], 'malformed']);
    return dice.chance(0.5) ? { ifMatch: one } : { ifNoneMatch: one };
  }

  #putManifest(): Operation {
    const dice = this.#dice;
    const { contents, state, serial } = this.#knowledge;
    const there = this.#there;
    const sizeOf = (digest: string): number =>
      there.manifests.get(digest)?.document.bytes.byteLength ??
      there.blobs.get(digest)?.byteLength ??
      contents.sizeOf(digest);
    const document = documentOf(dice, {
      ...{ blobs: [...there.blobs.keys()], manifests: [...there.manifests.keys()] },
      ...{ others: contents.digests, sizeOf, serial },
    });
    const algorithm = dice.chance(0.15) ? 'sha512' : 'sha256';
    const isWrong = dice.chance(0.04);
    const digest = isWrong ? contents.some(dice).digest : digestOfBytes(algorithm, document.bytes);
    const byTag = dice.chance(0.65);
    const tags = dice.chance(byTag ? 0.02 : 0.4) ? dice.several(TAGS, 3) : [];
    const bad = dice.chance(0.03) ? dice.pick([...BAD_TAGS, ...BAD_DIGESTS]) : undefined;
    // Of a request whose end nobody hears, the tags are its own.
    const tag = serial === undefined ? dice.pick(TAGS) : `only-${String(serial)}`;
    const reference = bad ?? (byTag ? tag : digest);
    const current = digestOf(repositoryOf(state, this.#repository), reference);
    return {
      ...{ kind: 'put-manifest', repository: this.#repository, reference, document },
      ...{ tags: serial === undefined ? tags : [], chunked: dice.chance(0.1), ...this.#conditions(current) },
    };
  }

  #open(act: 'open' | 'push-blob' | 'mount'): Operation {
    const dice = this.#dice;
    const { contents, repositories, nextSession, state } = this.#knowledge;
    const common = { kind: 'open', repository: this.#repository, session: nextSession } as const;
    const blob = contents.some(dice);
    if (act === 'open') {
      const algorithm = dice.chance(0.25) ? dice.pick(['sha512', 'sha256', 'sha1', ''] as const) : undefined;
      return { ...common, algorithm, mount: undefined, whole: undefined };
    }
    if (act === 'mount') {
      const from = dice.chance(0.75) ? dice.pick([...repositories, ...WILD_REPOSITORIES, 'No/Name']) : undefined;
      const there = from === undefined ? [] : [...repositoryOf(state, from).blobs];
      const [digest, bytes] = dice.some(there) ?? [blob.digest, blob.bytes];
      return { ...common, algorithm: undefined, mount: { blob: { digest, bytes }, from }, whole: undefined };
    }
    const isWrong = dice.chance(0.06);
    const digest = isWrong ? dice.pick([...BAD_DIGESTS, contents.some(dice).digest]) : blob.digest;
    return {
      ...common,
      algorithm: undefined,
      mount: undefined,
      whole: { digest, body: blob.bytes, chunked: dice.chance(0.04) },
    };
  }

  #onSession(act: 'status' | 'append' | 'close' | 'cancel'): Operation {
    const dice = this.#dice;
    const { state, nextSession } = this.#knowledge;
    const all = [...state.sessions];
    const going = all.filter(([, { state: how }]) => how === 'open' || how === 'unclear');
    const [number, session] = dice.some(dice.chance(0.15) ? all : going) ?? dice.some(all) ?? [nextSession, undefined];
    const own = session?.repository ?? this.#repository;
    const repository = dice.chance(0.03) ? this.#repository : own;
    const path = this.#pathOf(number, own).replace(`/v2/${own}/`, `/v2/${repository}/`);
    const common = { repository, session: number, path };
    if (act === 'status') return { kind: 'status', ...common, method: this.#method() };
    if (act === 'cancel') return { kind: 'cancel', ...common };
    return act === 'append' ? this.#append(common, session) : this.#close(common, session);
  }

  #pathOf(session: number, repository: string): string {
    const paths = this.#knowledge.paths(session);
    const chosen = this.#dice.chance(0.15) ? this.#dice.some(paths) : paths.at(-1);
    return chosen ?? `/v2/${repository}/blobs/uploads/${'0'.repeat(64)}.0.${'0'.repeat(64)}`;
  }

  #append(common: { repository: string; session: number; path: string }, session: Session | undefined): Operation {
    const dice = this.#dice;
    const { start, rest } = this.#goingOn(common.session, session);
    const most = dice.pick([LARGEST_CHUNK_BYTES, rest.byteLength, 1]);
    const body = dice.chance(0.03) ? new Uint8Array() : rest.subarray(0, Math.max(1, Math.min(most, rest.byteLength)));
    return {
      kind: 'append',
      ...common,
      body,
      chunked: dice.chance(0.3),
      range: this.#chunkRange(session, start, body),
    };
  }

  #close(common: { repository: string; session: number; path: string }, session: Session | undefined): Operation {
    const dice = this.#dice;
    const { contents } = this.#knowledge;
    const { start, rest, blob } = this.#goingOn(common.session, session);
    const has = session !== undefined && 'bytes' in session ? session.bytes.subarray(0, start) : new Uint8Array();
    const body = start > 0 && dice.chance(0.3) ? new Uint8Array() : rest;
    const whole = session === undefined ? blob.bytes : Buffer.concat([has, body]);
    const algorithm = dice.chance(0.15) ? 'sha512' : 'sha256';
    const right = session?.state === 'done' ? session.digest : digestOfBytes(algorithm, whole);
    const isWrong = dice.chance(0.08);
    const digest = isWrong ? dice.pick([...BAD_DIGESTS, '', contents.some(dice).digest]) : right;
    const known = isWrong || session?.state === 'done' ? contents.bytesOf(digest) : whole;
    const range = dice.chance(0.4) ? this.#chunkRange(session, start, body) : undefined;
    return { kind: 'close', ...common, digest, whole: known, body, chunked: dice.chance(0.2), range };
  }

  /** What the session has, and the rest of the blob that its number stands for. */
  #goingOn(number: number, session: Session | undefined): { start: number; rest: Uint8Array; blob: Blob } {
    const blob = this.#knowledge.contents.of(number);
    const has = session?.state === 'open' ? session.bytes.byteLength : session?.state === 'unclear' ? session.least : 0;
    return { start: has, rest: blob.bytes.subarray(has), blob };
  }

  #chunkRange(session: Session | undefined, start: number, body: Uint8Array): ChunkRange | undefined {
    const dice = this.#dice;
    // Whoever goes on after a cut connection says where.
    if (session?.state !== 'unclear' && !dice.chance(0.5)) return undefined;
    if (dice.chance(0.04)) return { header: dice.pick(BAD_CHUNK_RANGES), says: undefined };
    const from = dice.chance(0.08) ? start + dice.pick([1, 100]) : start;
    const length = Math.max(1, body.byteLength + (dice.chance(0.06) ? dice.pick([1, -1, 5]) : 0));
    const last = from + length - 1;
    const unit = dice.pick(['', '', 'bytes ']);
    return { header: `${unit}${String(from)}-${String(last)}`, says: { start: from, length } };
  }
}
