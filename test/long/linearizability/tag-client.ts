/** One client of tags: each request and what became of it is recorded, or told as a defect at once. */
import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { exchange } from '../../e2e/crash/exchange.ts';
import type { Answer, Broken } from '../../e2e/crash/exchange.ts';
import type { Blob } from '../../e2e/crash/ledger.ts';
import type { UnstableBerth } from '../../e2e/crash/unstable-berth.ts';
import type { Loss, Recorder } from './recorder.ts';
import type { Call, Outcome, Value } from './register.ts';

export const REPOSITORY = 'linear/tags';
export const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json';

type Known = Exclude<Outcome, { kind: 'unknown' }>;

const Refusal = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    errors: v.tuple([v.object({ code: v.literal('DENIED'), detail: v.object({ current: v.nullable(v.string()) }) })]),
  }),
);

export class TagClient {
  readonly #berth: UnstableBerth;
  readonly #recorder: Recorder;
  readonly #manifests: ReadonlyMap<string, Blob>;
  readonly #number: number;

  constructor(berth: UnstableBerth, recorder: Recorder, manifests: ReadonlyMap<string, Blob>, number: number) {
    this.#berth = berth;
    this.#recorder = recorder;
    this.#manifests = manifests;
    this.#number = number;
  }

  /** Once the registry serves. Throws at an answer that it never may give, and at a break that no kill has made. */
  async send(tag: string, call: Call): Promise<Known | Loss> {
    const berth = this.#berth;
    // First: a kill in the very moment in which it is waited for counts too.
    const killsBefore = berth.kills;
    const { url } = await berth.serving();
    berth.step();
    const invoked = this.#recorder.now();
    const answer = await exchange(url, {
      method: methodOf(call),
      path: `/v2/${REPOSITORY}/manifests/${tag}`,
      headers: headersOf(call),
      body: { bytes: this.#bodyOf(call) },
    });
    const returned = this.#recorder.now();
    berth.step();
    const outcome = outcomeOf(call, answer);
    if (typeof outcome === 'object' && outcome.kind === 'defect') {
      throw new Error(`client ${this.#number}: ${methodOf(call)} ${tag} ${outcome.problem}`);
    }
    if (outcome === 'cut' && berth.kills === killsBefore) {
      throw new Error(
        `client ${this.#number}: the connection of ${methodOf(call)} ${tag} broke, and nobody was killed`,
      );
    }
    this.#recorder.add(tag, { client: this.#number, call, invoked, returned, outcome });
    return outcome;
  }

  #bodyOf(call: Call): Uint8Array {
    return call.kind === 'put' ? (this.#manifests.get(call.digest)?.bytes ?? new Uint8Array()) : new Uint8Array();
  }
}

function methodOf(call: Call): string {
  switch (call.kind) {
    case 'read':
      return call.method;
    case 'put':
      return 'PUT';
    case 'delete':
      return 'DELETE';
  }
}

function headersOf(call: Call): Record<string, string> {
  const headers: Record<string, string> = {};
  if (call.kind === 'put') headers['content-type'] = INDEX_TYPE;
  if (call.kind === 'read' || call.condition === undefined) return headers;
  if (call.condition.kind === 'is') headers['if-match'] = `"${call.condition.digest}"`;
  else headers['if-none-match'] = '*';
  return headers;
}

function outcomeOf(call: Call, answer: Answer | Broken): Known | Loss | { kind: 'defect'; problem: string } {
  if (answer.kind !== 'answer') return 'cut';
  const { status, headers, body } = answer;
  const defect = (problem: string) =>
    ({ kind: 'defect', problem: `${problem}: ${status} ${body.toString('utf8', 0, 300)}` }) as const;
  if (status >= 500) return headers['retry-after'] === undefined ? defect('failed') : 'unavailable';
  if (status === 412) {
    const refusal = v.safeParse(Refusal, body.toString());
    if (!refusal.success) return defect('is refused without a word on what is there');
    return { kind: 'refused', current: refusal.output.errors[0].detail.current ?? undefined };
  }
  if (status === 404 && call.kind !== 'put') return { kind: 'seen', value: undefined };
  if (call.kind !== 'read') return status === (call.kind === 'put' ? 201 : 202) ? { kind: 'done' } : defect('failed');
  const digest: Value = v.parse(v.optional(v.string()), headers['docker-content-digest']);
  if (status !== 200 || digest === undefined) return defect('failed');
  if (call.method === 'GET' && digest !== `sha256:${createHash('sha256').update(body).digest('hex')}`) {
    return defect('has another body than its digest says');
  }
  return { kind: 'seen', value: digest };
}
