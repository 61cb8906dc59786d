/** The registry that is fuzzed, and the rules that hold for whatever it answers. */
import * as v from 'valibot';
import { ErrorBody } from './outcome.ts';
import { sendRaw } from './raw-request.ts';
import type { RawAnswer, RawRequest } from './raw-request.ts';
import type { Tally } from './tally.ts';

/** Frames of a stack, files of the project, and how JavaScript names a failure. */
const INSIDE = /\n\s+at |\.[cm]?[jt]s:\d+|node_modules|(?:Type|Range|Syntax|Reference)Error/;
const SHOWN_CHARACTERS = 600;

export class Registry {
  readonly port: number;
  readonly tally: Tally;
  /** A 503 that says when to come again, and a 507, are let pass: they may be due to a busy machine. */
  readonly #mayBeBusy: boolean;

  constructor(port: number, tally: Tally, mayBeBusy: boolean) {
    this.port = port;
    this.tally = tally;
    this.#mayBeBusy = mayBeBusy;
  }

  get host(): string {
    return `127.0.0.1:${String(this.port)}`;
  }

  /** Throws for an answer that none may have, and for none where there has to be one. */
  async send(request: RawRequest): Promise<RawAnswer | 'cut' | 'lost'> {
    this.tally.sent += 1;
    try {
      const answer = await sendRaw(this.port, request);
      if (answer === 'cut') this.tally.cut += 1;
      else if (answer === 'lost') this.tally.lost += 1;
      else {
        this.tally.answer(answer);
        this.#expectFit(request, answer);
      }
      return answer;
    } catch (cause) {
      const { head, body, cutAfter } = request;
      const shown = `${head.slice(0, SHOWN_CHARACTERS)}${Buffer.from(body).toString('latin1', 0, SHOWN_CHARACTERS)}`;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${reason}\nto a request of ${body.byteLength} bytes, cut after ${String(cutAfter)}:\n${shown}`, {
        cause,
      });
    }
  }

  #expectFit({ head, wellFormed }: RawRequest, answer: RawAnswer): void {
    const { status, headers, body } = answer;
    const isOurs = headers.has('x-request-id');
    const isBusy = (status === 503 && headers.has('retry-after')) || status === 507;
    // workerd answers so by itself to a method that it does not know, and to a target or host that is none.
    if (status >= 500 && !(isBusy && this.#mayBeBusy) && (isOurs || wellFormed))
      throw new Error(`answered ${show(answer)}`);
    if (!isOurs) return;
    const text = headers.get('content-type')?.startsWith('application/json') === true ? body.toString() : '';
    if (status >= 400 && INSIDE.test(text)) throw new Error(`it shows its inside: ${show(answer)}`);
    if (status < 400 || head.startsWith('HEAD ')) return;
    if (!v.is(ErrorBody, text)) throw new Error(`no error as specified: ${show(answer)}`);
  }
}

export function show({ status, headers, body }: RawAnswer): string {
  const isText = headers.get('content-type')?.includes('json') === true;
  const content = isText ? body.toString('utf8', 0, SHOWN_CHARACTERS) : `${String(body.byteLength)} bytes`;
  return `${String(status)} ${JSON.stringify(Object.fromEntries(headers))} ${content}`;
}
