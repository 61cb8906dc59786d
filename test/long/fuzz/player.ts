/**
 * Plays one sequence of steps against a registry, in repositories of its own that start empty, and compares every answer
 * with the model. At the end everything is read back. Whatever is wrong is thrown, with the operations that led to it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import * as v from 'valibot';
import { exchange } from '../../e2e/crash/exchange.ts';
import { operationOf } from './choices.ts';
import { Contents } from './contents.ts';
import { requestOf } from './http.ts';
import { describe } from './operation.ts';
import type { Append, Operation, Twist } from './operation.ts';
import type { RawAnswer } from './raw-request.ts';
import { show } from './registry.ts';
import type { Registry } from './registry.ts';
import { EMPTY, repositoryOf } from './state.ts';
import type { Doing, Step } from './steps.ts';
import { rawOf, WILD_REPOSITORIES } from './wild.ts';
import type { Acquaintances } from './wild.ts';
import { Worlds } from './worlds.ts';

const SHOWN_OPERATIONS = 12;
/** The catalog hears of a repository by a task, just after the push; polls are what it takes to know. */
const CATALOG_POLLS = 600;
const CATALOG_POLL_MS = 100;
const RACE_BYTES = 200_000;
const Repositories = v.pipe(v.string(), v.parseJson(), v.object({ repositories: v.array(v.string()) }));

export class Player {
  readonly #registry: Registry;
  readonly #acquaintances: Acquaintances;
  readonly #prefix: string;
  readonly #repositories: readonly [string, ...string[]];
  readonly #contents: Contents;
  readonly #worlds: Worlds;
  readonly #paths = new Map<number, string[]>();
  readonly #history: string[] = [];
  #sessions = 0;
  #serial = 0;

  /** @param label of the sequence, which no other one of this registry has: a repository's name is made of it */
  constructor(registry: Registry, acquaintances: Acquaintances, label: string) {
    this.#registry = registry;
    this.#acquaintances = acquaintances;
    this.#prefix = label;
    this.#repositories = [`${label}/app`, `${label}/app-2`, `${label}/app/base`];
    this.#contents = new Contents(label);
    this.#worlds = new Worlds({
      host: registry.host,
      others: {
        change: (repository) => WILD_REPOSITORIES.some((wild) => wild === repository),
        mayHave: (digest) => this.#contents.isShared(digest),
      },
    });
  }

  async play(steps: readonly Step[]): Promise<void> {
    for (const step of steps) await this.#step(step);
    await this.#readBack();
    await this.#expectInCatalog();
  }

  async #step(step: Step): Promise<void> {
    if (step.kind === 'wild') {
      const request = rawOf(step.request, this.#acquaintances);
      const answer = await this.#registry.send(request);
      if (typeof answer !== 'string') this.#acquaintances.learn(request, answer);
    } else if (step.act === 'race') await this.#race(step);
    else {
      const mayCut = step.cutAt !== undefined && this.#worlds.mayCut;
      const operation = operationOf(step.act, step.dice, {
        ...{ state: this.#worlds.state, repositories: this.#repositories, contents: this.#contents },
        ...{ paths: (session: number) => this.#paths.get(session) ?? [], nextSession: this.#sessions },
        serial: mayCut ? this.#serial++ : undefined,
      });
      if (operation.kind === 'open') this.#sessions += 1;
      const twist = step.twist !== undefined && fits(step.twist, operation) ? step.twist : undefined;
      await this.#do(operation, twist, mayCut ? step.cutAt : undefined);
    }
  }

  async #do(operation: Operation, twist?: Twist, cutAt?: number): Promise<void> {
    const odd = `${twist === undefined ? '' : `, ${twist}`}${cutAt === undefined ? '' : `, cut at ${String(cutAt)}`}`;
    this.#history.push(`${describe(operation)}${odd}`);
    const answer = await this.#sending(() =>
      this.#registry.send(requestOf(operation, twist, this.#registry.host, cutAt)),
    );
    // Of what a busy registry has not answered nobody knows whether it was done.
    if (typeof answer === 'string' || answer.status >= 500) {
      this.#worlds.cut(operation, twist, cutAt === undefined || cutAt === 1);
      return;
    }
    const problem = this.#worlds.judge(operation, twist, answer);
    if (problem !== undefined) throw this.#failure(`${problem}\nanswered ${show(answer)}`);
    if ('session' in operation) this.#learn(operation.session, answer);
  }

  /** Two PATCHes write one session at once: one of them may be told to wait. */
  async #race({ dice }: Doing): Promise<void> {
    const session = this.#sessions;
    this.#sessions += 1;
    const [repository] = this.#repositories;
    await this.#do({ kind: 'open', repository, session, algorithm: undefined, mount: undefined, whole: undefined });
    const path = this.#paths.get(session)?.at(-1);
    if (path === undefined) return;
    const bodies = [0, 1].map((index) => Buffer.alloc(RACE_BYTES, dice[index] ?? 0));
    const operations = bodies.map((body): Append => ({
      kind: 'append',
      repository,
      session,
      path,
      body,
      chunked: false,
      range: undefined,
    }));
    this.#history.push(operations.map(describe).join(' and at once '));
    const answers = await Promise.all(
      operations.map((operation) =>
        this.#registry.send(requestOf(operation, undefined, this.#registry.host, undefined)),
      ),
    );
    for (const answer of answers) {
      if (typeof answer !== 'string' && answer.status !== 202 && answer.status !== 409) {
        throw this.#failure(`a race of two was answered ${show(answer)}`);
      }
    }
    this.#worlds.lose(session);
  }

  #learn(session: number, { status, headers }: RawAnswer): void {
    const location = headers.get('location');
    if (location === undefined || (status !== 202 && status !== 204)) return;
    const known = this.#paths.get(session) ?? [];
    if (!known.includes(location)) this.#paths.set(session, [...known, location]);
  }

  /** All that the model knows of, and what it knows not to be there. */
  async #readBack(): Promise<void> {
    const method = 'GET' as const;
    for (const repository of this.#repositories) {
      const { manifests, blobs } = repositoryOf(this.#worlds.state, repository);
      await this.#do({ kind: 'tags', repository, method, n: undefined, last: undefined });
      for (const [digest] of manifests) await this.#do({ kind: 'get-manifest', repository, method, reference: digest });
      for (const [digest] of blobs) {
        await this.#do({ kind: 'get-blob', repository, method, digest, range: undefined, ifRange: undefined });
      }
      const subjects = new Set([...manifests.values()].flatMap(({ document }) => document.subject ?? []));
      for (const digest of subjects) {
        await this.#do({ kind: 'referrers', repository, method, digest, artifactType: undefined, last: undefined });
      }
    }
  }

  async #expectInCatalog(): Promise<void> {
    // A name of this sequence comes after it, and none of another one before.
    const path = `/v2/_catalog?n=${String(this.#repositories.length)}&last=${encodeURIComponent(this.#prefix)}`;
    const wanted = this.#worlds.states.map((state) => this.#present(state));
    for (let poll = 1; ; poll += 1) {
      this.#registry.tally.sent += 1;
      const answer = await exchange(`http://${this.#registry.host}`, { method: 'GET', path });
      const listed = v.safeParse(Repositories, answer.kind === 'answer' ? answer.body.toString() : '');
      if (!listed.success) throw this.#failure(`the catalog is answered ${JSON.stringify(answer)}`);
      const own = listed.output.repositories.filter((name) => name.startsWith(`${this.#prefix}/`));
      if (wanted.includes(own.join(' '))) return;
      if (poll === CATALOG_POLLS) {
        throw this.#failure(
          `the catalog lists '${own.join(' ')}' of it, and not ${JSON.stringify([...new Set(wanted)])}`,
        );
      }
      await delay(CATALOG_POLL_MS);
    }
  }

  #present(state: typeof EMPTY): string {
    const present = this.#repositories.filter((name) => repositoryOf(state, name).manifests.size > 0);
    return [...present].sort().join(' ');
  }

  async #sending(send: () => ReturnType<Registry['send']>): ReturnType<Registry['send']> {
    try {
      return await send();
    } catch (error) {
      throw this.#failure(error instanceof Error ? error.message : String(error));
    }
  }

  #failure(problem: string): Error {
    const before = this.#history.slice(-SHOWN_OPERATIONS);
    const left = this.#history.length - before.length;
    const earlier = left > 0 ? [`(${String(left)} operations before)`] : [];
    return new Error([`in ${this.#prefix}, of the last operation:`, problem, ...earlier, ...before].join('\n  '));
  }
}

/** Some operations have nothing that could be twisted so. */
function fits(twist: Twist, operation: Operation): boolean {
  if (operation.kind !== 'base') return true;
  return twist === 'unknown-query' || twist === 'accept' || twist === 'expect';
}
