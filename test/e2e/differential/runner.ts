/** Sends the steps of a resource to one registry, in their order, and hands on what later steps need. */
import { setTimeout as delay } from 'node:timers/promises';
import { compare, type Difference } from './comparison.ts';
import { exchange, type Answer } from './exchange.ts';
import { normalForm, type NormalForm } from './normal-form.ts';
import { describeStep, idOf, type Names, type Resource, type Step } from './step.ts';

const POLL_MS = 50;
const SETTLE_LIMIT_MS = 60_000;

/** Where each registry is. */
export interface Addresses {
  readonly berth: string;
  readonly distribution: string;
}

/** Every request of the resource that is answered in two ways. */
export async function differencesOver(resource: Resource, addresses: Addresses): Promise<Difference[]> {
  const berth = await answersTo(resource, addresses.berth);
  const distribution = await answersTo(resource, addresses.distribution);
  return resource.steps.flatMap((step) => {
    const [one, two] = [berth.get(step.id), distribution.get(step.id)];
    const found = one === undefined || two === undefined ? undefined : compare(one, two);
    return found === undefined ? [] : [{ id: idOf(resource, step), request: describeStep(step), ...found }];
  });
}

async function answersTo(resource: Resource, base: string): Promise<Map<string, NormalForm>> {
  const forms = new Map<string, NormalForm>();
  const kept = new Map<string, string>();
  for (const step of resource.steps) {
    const answer = await (step.prepares === true ? prepared(step, base, kept) : exchange(base, step, kept));
    if (step.prepares !== true) forms.set(step.id, normalForm(step, answer, base));
    const { location } = answer.headers;
    if (step.keeps !== undefined && location !== undefined) {
      const { pathname, search } = new URL(location, base);
      kept.set(step.keeps, pathname + search);
      kept.set(`${step.keeps}-id`, pathname.slice(pathname.lastIndexOf('/') + 1) + search);
    }
  }
  return forms;
}

/** Throws unless it succeeds: what follows would compare something else. */
async function prepared(step: Step, base: string, kept: Names): Promise<Answer> {
  const deadline = Date.now() + SETTLE_LIMIT_MS;
  for (;;) {
    const answer = await exchange(base, step, kept);
    if (answer.status >= 300) {
      throw new Error(`${base} answers ${describeStep(step)} with ${answer.status}: ${answer.body.toString()}`);
    }
    if (step.until === undefined || answer.body.includes(step.until)) return answer;
    if (Date.now() > deadline) throw new Error(`${base} never listed ${step.until}`);
    // Berth's catalog hears of a push a moment after its answer, and tells nobody when.
    await delay(POLL_MS);
  }
}
