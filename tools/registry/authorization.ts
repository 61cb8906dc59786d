/**
 * Who we are, as a registry wants to hear it: a password (RFC 7617), or a token that its token server gives for it
 * (distribution's token protocol, the GET form), one a scope, kept until it expires. Neither is ever part of a message.
 */
import * as v from 'valibot';
import type { Credentials } from './address.ts';
import { parseChallenge } from './challenge.ts';
import type { Connections } from './exchange.ts';
import { failure, success, transientFailure, type Outcome } from './outcome.ts';
import { judgeRealm } from './realm.ts';
import { isTransientStatus, parseRetryAfter, withRetries } from './retry.ts';

/** Of the answer of a token server. Tokens that list many rights have some tens of kilobytes. */
const MAX_ANSWER_BYTES = 256 * 1024;
const MS_PER_SECOND = 1_000;
/** What a token without a lifetime has, and the least that one may have (distribution, "token"). */
const LEAST_LIFETIME_SECONDS = 60;
/** So that a token does not expire on its way. */
const MARGIN_MS = 10_000;
/** Kept at once: one for each repository that is at work, and some. */
const MAX_TOKENS = 256;
const OK = 200;
const UNAUTHORIZED = 401;

/** Visible ASCII: what may stand in a header. */
const TokenText = v.pipe(v.string(), v.regex(/^[\x21-\x7e]+$/));
const TokenAnswer = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    token: v.optional(TokenText),
    access_token: v.optional(TokenText),
    expires_in: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER))),
  }),
);

type Scheme =
  { readonly kind: 'basic' } | { readonly kind: 'bearer'; readonly realm: URL; readonly service: string | undefined };

interface Token {
  readonly text: string;
  readonly expiresAt: number;
}

export class Authorization {
  readonly #registry: URL;
  readonly #credentials: Credentials | undefined;
  readonly #connections: Connections;
  readonly #signal: AbortSignal;
  readonly #now: () => number;
  readonly #tokens = new Map<string, Token>();
  readonly #asked = new Map<string, Promise<Outcome<Token>>>();
  /** Unknown until the registry has asked for something. */
  #scheme: Scheme | undefined;

  constructor(
    registry: URL,
    credentials: Credentials | undefined,
    { connections, signal, now }: { connections: Connections; signal: AbortSignal; now: () => number },
  ) {
    this.#registry = registry;
    this.#credentials = credentials;
    this.#connections = connections;
    this.#signal = signal;
    this.#now = now;
  }

  /** What to send with a request that needs these scopes; undefined where nothing was asked for so far. */
  async header(scopes: readonly string[]): Promise<Outcome<string | undefined>> {
    if (this.#scheme === undefined) return success(undefined);
    if (this.#scheme.kind === 'basic') return success(this.#basic());
    const token = await this.#token(this.#scheme, scopes);
    return token.ok ? success(`Bearer ${token.value.text}`) : token;
  }

  /**
   * What a 401 taught. It fails where asking again would end the same.
   * @param sent what the request had, the second time too.
   */
  learn(challenge: string | undefined, scopes: readonly string[], sent: string | undefined): Outcome<undefined> {
    const asked = parseChallenge(challenge ?? '');
    const { host } = this.#registry;
    if (asked === undefined) return failure(`${host} asks for an account, in a way that is not known here`);
    if (asked.kind === 'basic') {
      if (this.#credentials === undefined) return failure(`${host} asks for a user and a password`);
      if (sent?.startsWith('Basic ') === true) return failure(`${host} does not take this user and password`);
      this.#scheme = { kind: 'basic' };
      return success(undefined);
    }
    if (asked.error === 'insufficient_scope' && sent !== undefined)
      return failure(`${host} does not allow this user to do that`);
    const realm = judgeRealm(this.#registry, asked.realm);
    if (!realm.ok) return failure(`${host}: ${realm.reason}`);
    this.#scheme = { kind: 'bearer', realm: realm.url, service: asked.service };
    // Only the one that was refused: another request may have brought a new one meanwhile.
    const key = keyOf(scopes);
    if (sent === `Bearer ${this.#tokens.get(key)?.text ?? ''}`) this.#tokens.delete(key);
    return success(undefined);
  }

  #basic(): string | undefined {
    if (this.#credentials === undefined) return undefined;
    const { user, password } = this.#credentials;
    return `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`;
  }

  async #token(scheme: Scheme & { kind: 'bearer' }, scopes: readonly string[]): Promise<Outcome<Token>> {
    const key = keyOf(scopes);
    const kept = this.#tokens.get(key);
    if (kept !== undefined && kept.expiresAt > this.#now()) return success(kept);
    const asked = this.#asked.get(key) ?? this.#ask(scheme, scopes, key);
    this.#asked.set(key, asked);
    return asked;
  }

  async #ask(scheme: Scheme & { kind: 'bearer' }, scopes: readonly string[], key: string): Promise<Outcome<Token>> {
    const outcome = await withRetries(this.#signal, () => this.#askOnce(scheme, scopes));
    this.#asked.delete(key);
    if (outcome.ok) {
      for (const oldest of this.#tokens.keys()) {
        if (this.#tokens.size < MAX_TOKENS) break;
        this.#tokens.delete(oldest);
      }
      this.#tokens.set(key, outcome.value);
    }
    return outcome;
  }

  async #askOnce({ realm, service }: Scheme & { kind: 'bearer' }, scopes: readonly string[]): Promise<Outcome<Token>> {
    const url = new URL(realm);
    if (service !== undefined) url.searchParams.set('service', service);
    for (const scope of scopes) url.searchParams.append('scope', scope);
    const authorization = this.#basic();
    if (this.#credentials !== undefined) url.searchParams.set('account', this.#credentials.user);
    const where = `the token server ${url.host}`;
    const sent = await this.#connections.send({
      method: 'GET',
      url,
      headers: { accept: 'application/json', ...(authorization === undefined ? {} : { authorization }) },
      signal: this.#signal,
    });
    if (!sent.ok) {
      const { failure: why } = sent;
      return why.isUnanswered === undefined
        ? sent
        : { ...sent, failure: { ...why, reason: `${where}: ${why.reason}` } };
    }
    const answer = sent.value;
    if (answer.status !== OK) {
      answer.discard();
      const reason =
        answer.status === UNAUTHORIZED && authorization !== undefined
          ? `${where} does not take this user and password`
          : `${where} answered ${answer.status}`;
      // A redirection among them: the judged address is the only one that hears the password.
      if (!isTransientStatus(answer.status)) return failure(reason);
      return transientFailure(reason, parseRetryAfter(answer.header('retry-after'), this.#now()));
    }
    const body = await answer.bytes(MAX_ANSWER_BYTES);
    if (!body.ok) return body;
    const parsed = v.safeParse(TokenAnswer, body.value.toString('utf8'));
    const text = parsed.success ? (parsed.output.token ?? parsed.output.access_token) : undefined;
    if (!parsed.success || text === undefined) return failure(`${where} answered with no token`);
    const lifetimeMs = Math.max(parsed.output.expires_in ?? 0, LEAST_LIFETIME_SECONDS) * MS_PER_SECOND;
    return success({ text, expiresAt: this.#now() + lifetimeMs - MARGIN_MS });
  }
}

function keyOf(scopes: readonly string[]): string {
  return scopes.join(' ');
}
