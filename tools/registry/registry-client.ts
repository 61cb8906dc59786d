/**
 * Requests to one registry: with the right to make them (distribution-spec, "API"; protocol of tokens), redirected where
 * the registry keeps bytes elsewhere, and made again where that may help. Credentials go to the registry's own origin
 * and nowhere else.
 */
import type { RegistryAddress } from './address.ts';
import { Authorization } from './authorization.ts';
import { Connections, type Answer, type Body, type Call } from './exchange.ts';
import { errorIn } from './error-answer.ts';
import { failure, forGood, success, transientFailure, type Failed, type Outcome } from './outcome.ts';
import { isTransientStatus, parseRetryAfter, withRetries } from './retry.ts';

const MAX_REDIRECTS = 5;
const REDIRECTIONS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const OK = 200;
const UNAUTHORIZED = 401;
/** Of a refusal, which is a line or two. */
const MAX_ERROR_BYTES = 16 * 1024;

export interface RegistryCall {
  readonly method: Call['method'];
  /** Below the registry, as in `/v2/…`; or a whole address, as an upload session has one. */
  readonly path: string | URL;
  readonly scopes: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes that can be sent again, or a stream that can't. */
  readonly body?: Body;
  /** In place of the run's own, which then has to be a part of it. */
  readonly signal?: AbortSignal;
}

export class RegistryClient {
  readonly url: URL;
  /** As it is called in messages: `the source`. */
  readonly name: string;
  readonly signal: AbortSignal;
  readonly #connections: Connections;
  readonly #authorization: Authorization;
  readonly #hasCredentials: boolean;

  /** @param userAgent names the program to the registry */
  constructor(
    { url, credentials, ca, certificate }: RegistryAddress,
    { name, userAgent }: { readonly name: string; readonly userAgent: string },
    signal: AbortSignal,
  ) {
    this.url = url;
    this.#connections = new Connections(userAgent, { ca, certificate, origin: url.origin });
    this.name = name;
    this.signal = signal;
    this.#hasCredentials = credentials !== undefined;
    this.#authorization = new Authorization(url, credentials, {
      connections: this.#connections,
      signal,
      now: () => Date.now(),
    });
  }

  /** Whether it is a registry that lets us in (end-1). A source may let everyone pull and nobody ask this. */
  async greet({ mustLetIn }: { readonly mustLetIn: boolean }): Promise<Outcome<undefined>> {
    const called = await this.#attempt({ method: 'GET', path: '/v2/', scopes: [] }, { follow: false });
    if (!called.ok) {
      const { transient, isUnanswered, reason } = called.failure;
      const isRefused = !transient && isUnanswered === undefined && !mustLetIn && !this.#hasCredentials;
      return isRefused ? success(undefined) : failure(reason);
    }
    const answer = called.value;
    if (REDIRECTIONS.has(answer.status)) {
      const location = answer.header('location') ?? '';
      const elsewhere = URL.canParse(location, this.url.href) ? new URL(location, this.url).origin : 'elsewhere';
      answer.discard();
      return failure(`${this.name} sends us to ${elsewhere}: give that address`);
    }
    if (answer.status === OK) {
      answer.discard();
      return success(undefined);
    }
    return this.refused(answer, 'GET /v2/');
  }

  /** Tried again while that may help. An answer of any status that is no reason to try again is a success. */
  call(call: RegistryCall): Promise<Outcome<Answer>> {
    return withRetries(call.signal ?? this.signal, () => this.once(call));
  }

  /** One try, for what is only a part of something that is tried again as a whole. */
  once(call: RegistryCall): Promise<Outcome<Answer>> {
    return this.#attempt(call, { follow: call.method === 'GET' || call.method === 'HEAD' });
  }

  /** What an answer that was not hoped for says. */
  async refused(answer: Answer, what: string): Promise<Failed> {
    const { status } = answer;
    const retryAfterMs = parseRetryAfter(answer.header('retry-after'), Date.now());
    const reason = `${this.name} answered ${what} with ${status}${await detailOf(answer)}`;
    return isTransientStatus(status) ? transientFailure(reason, retryAfterMs) : failure(reason);
  }

  async #attempt(call: RegistryCall, { follow }: { readonly follow: boolean }): Promise<Outcome<Answer>> {
    const url = typeof call.path === 'string' ? new URL(call.path, this.url) : call.path;
    for (let isAgain = false; ; isAgain = true) {
      // A token server has had tries of its own.
      const header = isOwn(url, this.url) ? forGood(await this.#authorization.header(call.scopes)) : success(undefined);
      if (!header.ok) return header;
      const sent = await this.#send(call, url, { authorization: header.value, follow });
      if (!sent.ok) return sent;
      const { answer, isElsewhere } = sent.value;
      if (isTransientStatus(answer.status)) return this.refused(answer, call.method);
      if (answer.status !== UNAUTHORIZED || isElsewhere) return success(answer);
      const learned = this.#authorization.learn(answer.header('www-authenticate'), call.scopes, header.value);
      if (!learned.ok)
        return {
          ok: false,
          failure: { ...learned.failure, reason: learned.failure.reason + (await detailOf(answer)) },
        };
      answer.discard();
      if (isAgain) return failure(`${this.name} does not take the token that it sent us for`);
      // A stream has been used up; what it is part of begins again, with what was learned.
      if (call.body !== undefined && !Array.isArray(call.body.pieces))
        return transientFailure(`${this.name} asks who sends this`);
    }
  }

  async #send(
    call: RegistryCall,
    first: URL,
    { authorization, follow }: { readonly authorization: string | undefined; readonly follow: boolean },
  ): Promise<Outcome<{ answer: Answer; isElsewhere: boolean }>> {
    let url = first;
    // Once somebody else was asked, nobody gets the credentials any more.
    let isElsewhere = !isOwn(first, this.url);
    for (let redirects = 0; ; redirects += 1) {
      const sent = await this.#connections.send({
        method: call.method,
        url,
        headers: { ...call.headers, ...(authorization === undefined || isElsewhere ? {} : { authorization }) },
        ...(call.body === undefined ? {} : { body: call.body }),
        signal: call.signal ?? this.signal,
      });
      if (!sent.ok) return sent;
      const answer = sent.value;
      const location = answer.header('location');
      if (!follow || !REDIRECTIONS.has(answer.status) || location === undefined)
        return success({ answer, isElsewhere });
      answer.discard();
      if (redirects === MAX_REDIRECTS) return failure(`${this.name} redirects more than ${MAX_REDIRECTS} times`);
      const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
      if (next === undefined || !['http:', 'https:'].includes(next.protocol))
        return failure(`${this.name} redirects to what is no address`);
      next.username = '';
      next.password = '';
      isElsewhere ||= !isOwn(next, this.url);
      url = next;
    }
  }
}

function isOwn(url: URL, registry: URL): boolean {
  return url.origin === registry.origin;
}

/** The first of the registry's own errors, where there is one. */
async function detailOf(answer: Answer): Promise<string> {
  const body = await answer.bytes(MAX_ERROR_BYTES);
  const said = body.ok ? errorIn(body.value.toString('utf8')) : undefined;
  return said === undefined ? '' : ` ${said}`;
}
