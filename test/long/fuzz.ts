/**
 * Requests that nobody would send, many at once. Whatever comes, the registry answers: never with a 5xx but a 503 that
 * says when to come again or a 507, never with anything of its inside, and never not at all. workerd refuses by itself
 * what is no HTTP; only Berth's own answers are held to the form that the specification wants ("Error Codes").
 */
import * as v from 'valibot';
import { startBerth } from '../e2e/berth-process.ts';
import type { BerthProcess } from '../e2e/berth-process.ts';
import { exchange } from '../e2e/crash/exchange.ts';
import { Seeded } from '../e2e/crash/seeded.ts';
import type { Campaign } from './campaign.ts';
import { sendRaw } from './fuzz/raw-request.ts';
import type { RawAnswer } from './fuzz/raw-request.ts';
import { RequestMaker } from './fuzz/request-maker.ts';
import type { MadeRequest } from './fuzz/request-maker.ts';

const ACTORS = 6;
/** The log of what one Berth has printed is kept in memory. */
const REQUESTS_PER_BERTH = 20_000;
/** Frames of a stack, files of the project, and how JavaScript names a failure. */
const INSIDE = /\n\s+at |\.[cm]?[jt]s:\d+|node_modules|(?:Type|Range|Syntax|Reference)Error/;
const SHOWN_CHARACTERS = 600;

const Errors = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ errors: v.pipe(v.array(v.object({ code: v.string(), message: v.string() })), v.minLength(1)) }),
);
const Logged = v.object({ event: v.literal('request'), route: v.string(), method: v.string(), status: v.number() });

export const fuzz: Campaign = {
  name: 'fuzz',
  share: 2,
  async run({ seed, deadline, log }) {
    for (let round = 1; Date.now() < deadline; round += 1) {
      const berth = await startBerth();
      try {
        const random = new Seeded(`${String(seed)}/round ${String(round)}`);
        const sent = { count: 0, lost: 0, unavailable: 0 };
        const actors = Array.from({ length: ACTORS }, (_, index) =>
          act(berth, new RequestMaker(random.branch(index)), deadline, sent),
        );
        await Promise.all(actors);
        await expectWell(berth);
        const { count, lost, unavailable } = sent;
        log(`round ${round}: ${count} requests, ${lost} early answers lost, ${unavailable} answers of 503 or 507`);
        for (const line of counts(berth)) log(line);
      } finally {
        await berth.discard();
      }
    }
  },
};

interface Sent {
  count: number;
  lost: number;
  unavailable: number;
}

async function act(berth: BerthProcess, maker: RequestMaker, deadline: number, sent: Sent): Promise<void> {
  while (Date.now() < deadline && sent.count < REQUESTS_PER_BERTH) {
    const request = maker.make();
    sent.count += 1;
    try {
      const answer = await sendRaw(berth.port, request);
      if (answer === 'lost') sent.lost += 1;
      if (answer === 'lost' || answer === 'cut') continue;
      expectFit(request, answer);
      if (answer.status >= 500 && request.wellFormed) sent.unavailable += 1;
      maker.learn(request, answer);
    } catch (cause) {
      const shown = request.head.slice(0, SHOWN_CHARACTERS);
      const body = Buffer.from(request.body).toString('latin1', 0, SHOWN_CHARACTERS);
      throw new Error(`this request failed, cut after ${String(request.cutAfter)}:\n${shown}${body}`, { cause });
    }
  }
}

function expectFit({ method, wellFormed }: MadeRequest, { status, headers, body }: RawAnswer): void {
  const shown = `${String(status)} ${JSON.stringify([...headers])} ${body.slice(0, SHOWN_CHARACTERS)}`;
  const isOurs = headers.has('x-request-id');
  const mayFail = (status === 503 && headers.has('retry-after')) || status === 507;
  // workerd answers so by itself to a method that it does not know, and to a target or host that is none.
  if (status >= 500 && !mayFail && (isOurs || wellFormed)) throw new Error(`answered ${shown}`);
  if (headers.get('content-type')?.startsWith('application/json') === true && INSIDE.test(body)) {
    throw new Error(`shows its inside: ${shown}`);
  }
  if (!isOurs || status < 400 || method === 'HEAD') return;
  if (!v.is(Errors, body)) throw new Error(`no error as specified: ${shown}`);
}

/** The workerd that began still serves, and it ends as it is asked to. */
async function expectWell(berth: BerthProcess): Promise<void> {
  const answer = await exchange(berth.url, { method: 'GET', path: '/v2/' });
  const status = answer.kind === 'answer' ? answer.status : answer.reason;
  if (status !== 200) throw new Error(`GET /v2/ is answered ${String(status)} afterwards`);
  if (berth.lines.some(({ event }) => event === 'workerd-ended')) throw new Error('workerd has crashed meanwhile');
  const { code } = await berth.stop();
  if (code !== 0) throw new Error(`it ended with code ${String(code)}`);
}

function counts(berth: BerthProcess): string[] {
  const table = new Map<string, number>();
  for (const line of berth.lines) {
    const logged = v.safeParse(Logged, line);
    if (!logged.success) continue;
    const { route, method, status } = logged.output;
    const key = `${route} ${method} ${String(status)}`;
    table.set(key, (table.get(key) ?? 0) + 1);
  }
  return [...table].sort(([one], [other]) => (one < other ? -1 : 1)).map(([key, count]) => `${key}: ${String(count)}`);
}
