/** The engine against a plain oracle, on policies and questions that nobody thought of (GHSA-xq2m-cj8w-56v5). */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { matchesTag } from '../../../src/auth/patterns.ts';
import { readableBy } from '../../../src/auth/policy.ts';
import type { Action, Principal } from '../../../src/auth/principal.ts';
import { parseTag } from '../../../src/oci/reference.ts';
import { oracle, type PlainAnswer, type PlainQuestion, type PlainRule } from './policy-oracle.ts';
import { ask, named, policyOf } from './questions.ts';

const RUNS = 10_000;
const TIMEOUT_MS = 300_000;

// Few words, so that they meet often.
const word = fc.constantFrom('a', 'b', 'ab', 'a.b', 'ba');
const component = fc.oneof(word, fc.constantFrom('*', '**', '{user}', '{claim:c}', 'a*', '*b', 'a*b', '*a*', 'b*.*'));
const joined = (part: fc.Arbitrary<string>) =>
  fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
const pattern = joined(component);
const repository = joined(word);
const group = fc.constantFrom('g', 'h');
const name = fc.oneof(word, fc.constantFrom('*', 'a/b', 'A'));
const subject = fc.oneof(
  fc.constantFrom('anonymous', 'authenticated'),
  ...['user', 'robot', 'proxy', 'workload'].map((kind) => name.map((text) => `${kind}:${text}`)),
  group.map((text) => `group:${text}`),
);
const action = fc.constantFrom<Action>('pull', 'push', 'delete');
const network = fc.constantFrom('10.0.0.0/8', '10.1.0.0/16', '0.0.0.0/0', '2001:db8::/32', '::/1');
const until = fc.integer({ min: 1, max: 3 }).map((second) => new Date(second * 1_000).toISOString());
const claimValue = fc.constantFrom('a', 'a/b', 'a:b', 'ab', 'A', 'b/');
const claimPattern = fc.constantFrom('a', 'a/*', '*', '*/b', 'a*', 'a:*', 'ab');
const some = <T>(item: fc.Arbitrary<T>, most = 3) => fc.array(item, { minLength: 1, maxLength: most });
const tagPattern = fc.constantFrom('*', 'v*', '*.sig', 'v*-*', 'latest');

const rule: fc.Arbitrary<Omit<PlainRule, 'name'>> = fc
  .record({
    subjects: some(subject),
    repositories: some(pattern),
    actions: some(fc.oneof(action, fc.constant('*' as const))),
    overwrite: fc.option(fc.boolean(), { nil: undefined }),
    mutableTags: fc.option(some(tagPattern), { nil: undefined }),
    when: fc.option(
      fc.record(
        {
          networks: some(network),
          claims: fc.dictionary(fc.constantFrom('c', 'd'), fc.oneof(claimPattern, some(claimPattern)), { minKeys: 1 }),
          until,
        },
        { requiredKeys: [] },
      ),
      { nil: undefined, freq: 2 },
    ),
  })
  .map(({ overwrite, mutableTags, when, ...always }) => ({
    ...always,
    ...(overwrite !== undefined && always.actions.some((one) => one === 'push' || one === '*')
      ? { overwrite, ...(mutableTags !== undefined && !overwrite ? { mutableTags } : {}) }
      : {}),
    ...(when === undefined ? {} : { when }),
  }));
const rules = fc
  .array(rule, { maxLength: 6 })
  .map((list) => list.map((one, index): PlainRule => ({ ...one, name: String(index) })));

const question: fc.Arbitrary<PlainQuestion> = fc.record({
  kind: fc.constantFrom('anonymous', 'user', 'robot', 'proxy', 'workload'),
  name,
  groups: fc.uniqueArray(group),
  limits: fc.oneof(
    { weight: 3, arbitrary: fc.constant<PlainQuestion['limits']>([]) },
    fc.array(fc.record({ repositories: some(pattern), actions: some(action) }), { maxLength: 2 }),
  ),
  claims: fc.dictionary(fc.constantFrom('c', 'd'), claimValue),
  parts: fc.option(some(fc.record({ repositories: some(repository), actions: some(action) })), {
    nil: undefined,
    freq: 2,
  }),
  grants: fc.option(some(fc.record({ repository, actions: some(action) })), { nil: undefined, freq: 3 }),
  action,
  repository,
  address: fc.option(fc.constantFrom('10.0.0.1', '10.1.2.3', '192.0.2.1', '2001:db8::1', 'fd00::1'), {
    nil: undefined,
  }),
  now: fc.integer({ min: 0, max: 4_000 }),
});

function principalOf({ kind, name, groups, limits, claims, parts, grants }: PlainQuestion): Principal {
  const scope = grants === undefined ? {} : { scope: { grants: grants.map(asGrant), catalog: false } };
  if (kind === 'anonymous') return { kind, ...scope };
  const narrowed = { name, limits: limits.map(asLimit), ...scope };
  if (kind === 'workload') {
    const job = { ...narrowed, name: `${name}:job`, trust: name, issuer: 'https://issuer.example' };
    return { kind, ...job, groups, claims, parts: parts?.map(asLimit) };
  }
  return kind === 'user' ? { kind, groups, ...narrowed } : { kind, ...narrowed };
}

const asLimit = ({ repositories, actions }: { repositories: string[]; actions: string[] }) => ({
  repositories,
  actions: actions.map(asAction),
});

const asGrant = ({ repository, actions }: { repository: string; actions: string[] }) => ({
  repository,
  actions: actions.map(asAction),
});

function asAction(text: string): Action {
  if (text === 'pull' || text === 'push' || text === 'delete') return text;
  throw new Error(`${text} is no action`);
}

/** Nobody without credentials has limits, and a job alone has a credential that was asked for by its scope. */
function sensible(asked: PlainQuestion): PlainQuestion {
  return {
    ...asked,
    limits: asked.kind === 'anonymous' ? [] : asked.limits,
    parts: asked.kind === 'workload' ? asked.parts : undefined,
  };
}

const TAGS = ['latest', 'v1', 'v1-2', 'x.sig'].flatMap((text) => parseTag(text) ?? []);

/** Both answers in the same words. */
function inWords(answer: PlainAnswer): unknown {
  return typeof answer === 'string' ? answer : TAGS.filter((tag) => answer.canMove(tag));
}

/** Of one question under one policy; the oracle's answer, for who counts them. */
function expectAgreement(document: readonly PlainRule[], put: PlainQuestion): PlainAnswer {
  const { action, repository, address, now } = put;
  const decision = ask(policyOf(...document), principalOf(put), action, repository, { address, now });
  const expected = oracle(document, put);
  if (!decision.allowed) {
    expect(decision.reason === 'scope' ? 'too narrow' : 'refused').toBe(inWords(expected));
    return expected;
  }
  const { moves } = decision;
  const movable = TAGS.filter((tag) => moves === 'any' || moves.exempt.some((one) => matchesTag(one, tag)));
  // What a pull may move is nobody's question.
  if (action === 'push') expect(movable).toEqual(inWords(expected));
  else expect(expected).not.toBeTypeOf('string');
  return expected;
}

/** The same rules, of whoever asks as well, and of every repository if so wanted: by chance few of them meet a question. */
function aimedAt({ kind, name }: PlainQuestion, document: readonly PlainRule[], isOfAll: boolean): PlainRule[] {
  return document.map((one) => ({
    ...one,
    subjects: [...one.subjects, kind === 'anonymous' ? kind : `${kind}:${name}`],
    repositories: isOfAll ? [...one.repositories, '**'] : one.repositories,
  }));
}

it('agrees with what a policy plainly means', { timeout: TIMEOUT_MS }, () => {
  const seen = { refused: 0, 'too narrow': 0, allowed: 0 };
  fc.assert(
    fc.property(rules, question, fc.boolean(), fc.boolean(), (document, asked, isAimed, isOfAll) => {
      const put = sensible(asked);
      const expected = expectAgreement(isAimed ? aimedAt(put, document, isOfAll) : document, put);
      seen[typeof expected === 'string' ? expected : 'allowed'] += 1;
    }),
    { numRuns: RUNS },
  );
  // A generator whose every question is refused would prove nothing.
  for (const [answer, count] of Object.entries(seen)) expect(count, answer).toBeGreaterThan(RUNS / 100);
});

it('agrees on jobs, whose trust each rule names', { timeout: TIMEOUT_MS }, () => {
  let allowed = 0;
  fc.assert(
    // Claims are what is asked about here: half of the time no rule fails for its repositories.
    fc.property(rules, question, fc.boolean(), (document, asked, isOfAll) => {
      const put = sensible({ ...asked, kind: 'workload', limits: [], address: '10.1.2.3', now: 0 });
      if (typeof expectAgreement(aimedAt(put, document, isOfAll), put) !== 'string') allowed += 1;
    }),
    { numRuns: RUNS / 2 },
  );
  expect(allowed).toBeGreaterThan(RUNS / 100);
});

it('lists what it would let pull, one by one', { timeout: TIMEOUT_MS }, () => {
  fc.assert(
    fc.property(rules, question, (document, asked) => {
      const put: PlainQuestion = {
        ...sensible(asked),
        grants: undefined,
        action: 'pull',
      };
      const { repository, address, now } = put;
      const mayRead = readableBy(policyOf(...document), principalOf(put), { address, now });
      const isListed = mayRead === 'every' || mayRead(named(repository));
      expect(isListed).toBe(typeof oracle(document, put) !== 'string');
    }),
    { numRuns: RUNS / 5 },
  );
});
