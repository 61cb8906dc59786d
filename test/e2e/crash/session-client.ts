/**
 * A client that pushes a blob as real ones do while the registry crashes under it: it repeats what got no answer, asks
 * the session how far it is and goes on from there, and begins anew when the session is gone (distribution-spec,
 * "Pushing blobs", "Resuming an upload"). It throws at every answer that no crash explains.
 */
import type { Answer, Body } from './exchange.ts';
import type { Blob, Ledger, OpenSession } from './ledger.ts';
import type { Seeded } from './seeded.ts';
import type { Wire } from './wire.ts';

/** `single`: one POST. `put`: POST, PUT. `patch`: POST, one chunked PATCH, PUT. `chunks`: several PATCHes. */
export const FORMS = ['single', 'put', 'patch', 'chunks'] as const;
export type Form = (typeof FORMS)[number];

const TRIES = 40;
const MOST_CHUNKS = 10;
/** How often a client leaves in the middle of a body, and comes back. */
const LEAVING = 0.1;
/** How often a client that got no answer to its last request looks whether the blob is there before it begins anew. */
const LOOKING = 0.5;

type Step = 'created' | 'gone' | 'on' | 'interrupted';

export class SessionClient {
  readonly #wire: Wire;
  readonly #random: Seeded;
  readonly #ledger: Ledger;

  constructor(wire: Wire, random: Seeded, ledger: Ledger) {
    this.#wire = wire;
    this.#random = random;
    this.#ledger = ledger;
  }

  /** Fulfilled when the registry has said 201, or that it has the blob. */
  async push(repository: string, blob: Blob, form: Form): Promise<void> {
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const ended =
        form === 'single' ? await this.#postWhole(repository, blob) : await this.#pushBySession(repository, blob, form);
      if (ended) {
        this.#ledger.blobAcknowledged(repository, blob);
        return;
      }
    }
    throw new Error(`${blob.digest} is not in ${repository} after ${TRIES} pushes as ${form}`);
  }

  /** A session of this blob; it stands in the ledger until `end`. */
  async open(repository: string, blob: Blob): Promise<OpenSession> {
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const answer = await this.#wire.send({ method: 'POST', path: `/v2/${repository}/blobs/uploads/` });
      if (answer === undefined) continue;
      expectStatus(answer, [202], 'POST');
      const path = answer.headers.location ?? '';
      const session: OpenSession = { repository, path, blob, committed: 0, interrupted: false, mayBeOver: false };
      this.#ledger.sessions.add(session);
      return session;
    }
    throw new Error(`no session in ${repository} after ${TRIES} requests`);
  }

  /** Sends what is missing up to `end`, which may be all of it, and leaves the session open. */
  async fill(session: OpenSession, end: number): Promise<void> {
    for (let tries = 0; tries < TRIES && session.committed < end; tries += 1) {
      const step = await this.#patch(session, session.committed, end, this.#random.chance(0.5));
      if (step === 'interrupted' && (await this.ask(session)) === 'gone') throw lost(session);
    }
    if (session.committed < end) throw new Error(`${session.path} does not get beyond byte ${session.committed}`);
  }

  /** Brings a session to its end with 201; false if it is gone. */
  async finish(session: OpenSession, form: Exclude<Form, 'single'>): Promise<boolean> {
    const { blob } = session;
    const size = blob.bytes.byteLength;
    const chunk = Math.ceil(size / this.#random.integer(1, MOST_CHUNKS));
    const lastInPut = this.#random.chance(0.5);
    for (let tries = 0; tries < TRIES; tries += 1) {
      const step = await this.#next(session, form, chunk, lastInPut);
      if (step === 'created') return this.#end(session, true);
      if (step === 'gone') return this.#end(session, false);
      // A PUT without an answer is either repeated as it is or looked into first.
      if (step === 'interrupted' && !(session.mayBeOver && this.#random.chance(0.5))) {
        if ((await this.ask(session)) === 'gone') return this.#end(session, await this.#isThere(session));
      }
    }
    throw new Error(`${session.path} is stuck at byte ${session.committed} of ${size}`);
  }

  /** Ends the session without a blob; false if it is too late for that. */
  async cancel(session: OpenSession): Promise<boolean> {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const { path } = session;
      const answer = await this.#wire.send({ method: 'DELETE', path });
      if (answer?.status === 204 || (answer?.status === 404 && session.mayBeOver)) {
        const after = await this.ask({ ...session, mayBeOver: true });
        if (after !== 'gone') throw new Error(`${path} was cancelled and is still open`);
        this.#ledger.sessions.delete(session);
        return true;
      }
      if (answer?.status === 409) return false;
      if (answer !== undefined) throw unexpected(answer, `DELETE ${path}`);
      session.mayBeOver = true;
    }
    throw new Error(`${session.path} can't be cancelled in ${TRIES} requests`);
  }

  /** Learns how far the session is. A session that nobody has closed must be there. */
  async ask(session: OpenSession): Promise<'open' | 'gone'> {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const answer = await this.#wire.send({ method: 'GET', path: session.path });
      if (answer === undefined) continue;
      if (answer.status === 404 && session.mayBeOver) return 'gone';
      if (answer.status === 404) throw lost(session);
      expectStatus(answer, [204], `GET ${session.path}`);
      this.#told(session, answer);
      return 'open';
    }
    throw new Error(`${session.path} does not tell how far it is`);
  }

  async #pushBySession(repository: string, blob: Blob, form: Exclude<Form, 'single'>): Promise<boolean> {
    return this.finish(await this.open(repository, blob), form);
  }

  async #postWhole(repository: string, { digest, bytes }: Blob): Promise<boolean> {
    const path = `/v2/${repository}/blobs/uploads/?digest=${digest}`;
    const answer = await this.#wire.send({ method: 'POST', path, body: this.#body(bytes, false) });
    if (answer === undefined) return false;
    expectStatus(answer, [201], 'POST with a digest');
    return true;
  }

  #next(session: OpenSession, form: Exclude<Form, 'single'>, chunk: number, lastInPut: boolean): Promise<Step> {
    const { blob, committed } = session;
    const size = blob.bytes.byteLength;
    if (committed === size) return this.#put(session, undefined);
    if (form === 'put') return this.#put(session, committed);
    const end = form === 'patch' ? size : Math.min(size, committed + chunk);
    if (form === 'chunks' && end === size && lastInPut) return this.#put(session, committed);
    return this.#patch(session, committed, end, form === 'patch');
  }

  async #patch(session: OpenSession, start: number, end: number, chunked: boolean): Promise<Step> {
    const body = this.#body(session.blob.bytes.subarray(start, end), chunked);
    // Who comes back says where the chunk begins: bytes that were on their way may have been stored since it asked.
    const headers = chunked && !session.interrupted ? {} : { 'content-range': `${start}-${end - 1}` };
    const answer = await this.#wire.send({ method: 'PATCH', path: session.path, headers, body });
    if (answer === undefined) {
      session.interrupted = true;
      return 'interrupted';
    }
    switch (answer.status) {
      case 202:
        this.#told(session, answer);
        if (session.committed !== end) throw new Error(`202 at byte ${session.committed} instead of ${end}`);
        return 'on';
      case 416:
        this.#told(session, answer);
        return 'on';
      case 409:
        return 'interrupted';
      case 404:
        if (session.mayBeOver) return 'gone';
        throw lost(session);
      default:
        throw unexpected(answer, `PATCH ${session.path}`);
    }
  }

  /** `start`: from where on the body brings the blob. */
  async #put(session: OpenSession, start: number | undefined): Promise<Step> {
    const { blob, path } = session;
    const rest = start === undefined ? undefined : blob.bytes.subarray(start);
    const wasOver = session.mayBeOver;
    session.mayBeOver = true;
    const answer = await this.#wire.send({
      method: 'PUT',
      path: `${path}?digest=${blob.digest}`,
      headers: start === undefined || start === 0 ? {} : { 'content-range': `${start}-${blob.bytes.byteLength - 1}` },
      ...(rest === undefined ? {} : { body: this.#body(rest, start !== 0 && this.#random.chance(0.5)) }),
    });
    if (answer === undefined) return 'interrupted';
    switch (answer.status) {
      case 201:
        return 'created';
      case 416:
        this.#told(session, answer);
        return 'on';
      case 409:
        return 'interrupted';
      case 404:
        if (wasOver) return 'gone';
        throw lost(session);
      default:
        throw unexpected(answer, `PUT ${path}`);
    }
  }

  #body(bytes: Uint8Array, chunked: boolean): Body {
    const leaves = this.#random.chance(LEAVING);
    return { bytes, chunked, ...(leaves ? { stopAfter: this.#random.integer(0, bytes.byteLength - 1) } : {}) };
  }

  /** `Range: 0-0` means nothing here: no chunk is one byte long. */
  #told(session: OpenSession, answer: Answer): void {
    const last = Number(/^0-(\d+)$/.exec(String(answer.headers.range))?.[1]);
    if (Number.isNaN(last)) throw unexpected(answer, `${session.path} without a Range`);
    const committed = last === 0 ? 0 : last + 1;
    if (committed < session.committed) {
      throw new Error(`${session.path} tells ${committed} bytes, and had told ${session.committed}`);
    }
    session.committed = committed;
  }

  async #isThere({ repository, blob }: OpenSession): Promise<boolean> {
    if (!this.#random.chance(LOOKING)) return false;
    const answer = await this.#wire.send({ method: 'HEAD', path: `/v2/${repository}/blobs/${blob.digest}` });
    if (answer !== undefined) expectStatus(answer, [200, 404], 'HEAD of a blob');
    return answer?.status === 200;
  }

  #end(session: OpenSession, created: boolean): boolean {
    this.#ledger.sessions.delete(session);
    return created;
  }
}

export function expectStatus(answer: Answer, expected: readonly number[], what: string): void {
  if (!expected.includes(answer.status)) throw unexpected(answer, what);
}

function unexpected({ status, headers, body }: Answer, what: string): Error {
  return new Error(`${what} was answered ${status} ${JSON.stringify(headers)} ${body.toString('utf8', 0, 1_000)}`);
}

function lost({ path, committed }: OpenSession): Error {
  return new Error(`${path} is gone, though nobody has closed it (${committed} bytes were safe)`);
}
