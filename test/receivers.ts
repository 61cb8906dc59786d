/**
 * The receivers of the workers tests: whatever Berth calls through its binding OUTBOUND comes here, in Node. A test says what
 * the receiver at a host answers by `PUT https://receivers.control/?host=…` with its `Script`, and hears by `GET` what it
 * was sent. Hosts are the tests' own, so that files that run at the same time do not meet.
 */
import { Response, type Request } from 'miniflare';
import * as v from 'valibot';

const CONTROL = 'receivers.control';
/** A receiver that never answers would keep the test pool from ending. */
const LONGEST_HOLD_MS = 45_000;

const Answer = v.object({
  status: v.optional(v.number(), 204),
  headers: v.optional(v.record(v.string(), v.string()), {}),
  body: v.optional(v.string()),
  /** Waits for `DELETE`, which lets all go that wait at this host. */
  isHeld: v.optional(v.boolean(), false),
});
/** Answers in turn; the last one stays. */
const Script = v.array(Answer);

interface Receiver {
  script: v.InferOutput<typeof Script>;
  readonly requests: { url: string; headers: Record<string, string>; body: string }[];
  readonly held: (() => void)[];
  underWay: number;
  mostUnderWay: number;
}

const known = new Map<string, Receiver>();

export async function receivers(request: Request): Promise<Response> {
  const { host, searchParams } = new URL(request.url);
  if (host === CONTROL) return control(request, receiverAt(searchParams.get('host') ?? ''));
  const receiver = receiverAt(host);
  const body = await request.text();
  receiver.requests.push({ url: request.url, headers: Object.fromEntries(request.headers), body });
  const [first, ...rest] = receiver.script;
  if (rest.length > 0) receiver.script = rest;
  const answer = first ?? v.parse(Answer, {});
  receiver.underWay += 1;
  receiver.mostUnderWay = Math.max(receiver.mostUnderWay, receiver.underWay);
  if (answer.isHeld) await held(receiver);
  receiver.underWay -= 1;
  return new Response(answer.body ?? null, { status: answer.status, headers: answer.headers });
}

async function control(request: Request, receiver: Receiver): Promise<Response> {
  if (request.method === 'PUT') receiver.script = v.parse(Script, await request.json());
  if (request.method === 'DELETE') for (const release of receiver.held.splice(0)) release();
  const { requests, underWay, mostUnderWay } = receiver;
  return Response.json({ requests, underWay, mostUnderWay });
}

function held({ held: waiting }: Receiver): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    setTimeout(resolve, LONGEST_HOLD_MS).unref();
  });
}

function receiverAt(host: string): Receiver {
  const receiver = known.get(host) ?? { script: [], requests: [], held: [], underWay: 0, mostUnderWay: 0 };
  known.set(host, receiver);
  return receiver;
}
