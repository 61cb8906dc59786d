/**
 * Where events go: the endpoints that a setting names (`{"endpoints": […]}`), or one that the admin API is given. A document
 * with any mistake is none (docs/notifications.md is its reference).
 *
 * Secrets are never in a setting: there a header or a signing secret names the binding that holds it. By the admin API they
 * are given themselves, and kept encrypted.
 */
import * as v from 'valibot';
import { line, list, namedOnce, parseSettingDocument, text, type DocumentResult } from '../auth/setting-document.ts';
import { repositoryPattern, tagPattern } from '../auth/pattern-schemas.ts';
import type { Pattern } from '../auth/patterns.ts';
import { destinationProblem, type DestinationRules } from './destination.ts';
import { isCredentialName } from './endpoint-secrets.ts';
import { EVENT_KINDS, type EventKind, type LoggedKind } from './event.ts';
import { parseTemplate, type Template } from './template.ts';

const REFERENCE = 'docs/notifications.md';
export const LONGEST_ENDPOINTS_CHARACTERS = 262_144;
const MAX_DEPTH = 20;
export const MOST_ENDPOINTS = 100;
const MOST_PATTERNS = 100;
const MOST_HEADERS = 20;
const LONGEST_HEADER_CHARACTERS = 2_048;
const MOST_SIGNING_SECRETS = 2;
const MOST_CONCURRENCY = 16;
const LONGEST_TIMEOUT_SECONDS = 30;
const MOST_BATCHED = 100;
const LONGEST_GIVE_UP_DAYS = 6;
export const ENDPOINT_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/;
const BINDING_NAME = /^[A-Za-z_]\w{0,99}$/;
/** Set by Berth, or by what carries the request. */
const OWN_HEADERS =
  /^(?:host|content-(?:length|type|encoding)|transfer-encoding|connection|keep-alive|upgrade|expect|te|trailer|date|http2-settings|user-agent|(?:webhook|proxy|sec|cf)-.*)$/i;

const FORMATS = ['distribution', 'distribution-v1', 'cloudevents', 'slack', 'github'] as const;
type FormatName = (typeof FORMATS)[number];

/** Bodies that can hold several events. */
const BATCHED_FORMATS: readonly unknown[] = ['distribution', 'distribution-v1', 'cloudevents'];

/** Where a secret is: in a binding of that name, or, by the admin API, here. */
export type SecretValue = { readonly binding: string } | { readonly value: string };

export interface EndpointDocument {
  readonly name: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | SecretValue>>;
  readonly signingSecrets: readonly SecretValue[];
  readonly events: ReadonlySet<EventKind>;
  /** Absent: of all repositories. */
  readonly repositories: readonly Pattern[] | undefined;
  /** Absent: of all tags, and of what has none. */
  readonly tags: readonly string[] | undefined;
  readonly ignoreMediaTypes: ReadonlySet<string>;
  readonly format: FormatName | Template;
  /** Whether an event also tells what its manifest refers to, as in distribution with `includereferences`. */
  readonly references: boolean;
  /** How many events a request may carry. */
  readonly batch: number;
  readonly timeoutMs: number;
  readonly concurrency: number;
  readonly giveUpAfterMs: number;
  readonly order: 'any' | 'repository';
  readonly disabled: boolean;
}

/** What an endpoint gets that does not say: what a deployment follows. */
const DEFAULT_EVENTS: readonly LoggedKind[] = ['manifest.push', 'manifest.delete', 'tag.delete'];

const wholeNumber = (least: number, most: number) => {
  const problem = `must be a whole number from ${String(least)} to ${String(most)}`;
  return v.pipe(v.number(problem), v.integer(problem), v.minValue(least, problem), v.maxValue(most, problem));
};

const template = v.pipe(
  v.strictObject({ template: v.unknown() }),
  v.rawTransform(({ dataset, addIssue, NEVER }): Template => {
    const result = parseTemplate(dataset.value.template);
    if (result.ok) return result.template;
    addIssue({ message: `template ${result.message}` });
    return NEVER;
  }),
);

function endpointSchema(rules: DestinationRules, secretsFrom: 'bindings' | 'values') {
  const written =
    secretsFrom === 'bindings' ? '{"binding": "NAME"}, which names where the secret is' : '{"value": "…"}';
  const secret: v.GenericSchema<unknown, SecretValue> = v.pipe(
    v.unknown(),
    v.check((given) => typeof given === 'object' && given !== null, `must be ${written}`),
    secretsFrom === 'bindings'
      ? v.strictObject({ binding: v.pipe(text, v.regex(BINDING_NAME, 'must be the name of a secret of this Worker')) })
      : v.strictObject({ value: line(LONGEST_HEADER_CHARACTERS) }),
  );
  return v.pipe(
    v.strictObject({
      name: v.pipe(text, v.regex(ENDPOINT_NAME, 'must be up to 63 of a-z, 0-9 and -')),
      url: v.pipe(
        text,
        v.check(
          (url) => destinationProblem(url, rules) === undefined,
          ({ input }) => destinationProblem(input, rules) ?? '',
        ),
      ),
      headers: v.optional(
        v.pipe(
          v.record(
            v.pipe(
              text,
              v.regex(HEADER_NAME, 'must be the name of a header'),
              v.check((name) => !OWN_HEADERS.test(name), 'is a header that Berth sets itself'),
            ),
            v.union(
              [line(LONGEST_HEADER_CHARACTERS), secret],
              'must be one line of text, or an object that holds a secret',
            ),
          ),
          v.maxEntries(MOST_HEADERS, `must have at most ${String(MOST_HEADERS)} entries`),
          v.rawCheck(({ dataset, addIssue }) => {
            // The admin API has endpoint-secrets.ts for that, which says it with what else is to be sealed.
            if (!dataset.typed || secretsFrom !== 'bindings') return;
            for (const [key, value] of Object.entries(dataset.value)) {
              if (typeof value !== 'string' || !isCredentialName(key)) continue;
              addIssue({
                message: `is a secret by its name: write it as ${written}`,
                path: [{ type: 'object', origin: 'value', input: dataset.value, key, value }],
              });
            }
          }),
        ),
        {},
      ),
      signingSecrets: v.optional(list(secret, MOST_SIGNING_SECRETS), undefined),
      events: v.optional(
        list(v.picklist(EVENT_KINDS, `must be one of ${EVENT_KINDS.join(', ')}`), EVENT_KINDS.length),
        [...DEFAULT_EVENTS],
      ),
      repositories: v.optional(list(repositoryPattern, MOST_PATTERNS)),
      tags: v.optional(list(tagPattern, MOST_PATTERNS)),
      ignoreMediaTypes: v.optional(list(line(255), MOST_PATTERNS), undefined),
      format: v.optional(
        v.union(
          [v.picklist(FORMATS), template],
          ({ issues }) => issues?.find(({ type }) => type === 'raw_transform')?.message ?? formatProblem,
        ),
        'distribution',
      ),
      references: v.optional(v.boolean('must be true or false'), false),
      batch: v.optional(wholeNumber(1, MOST_BATCHED), 1),
      timeoutSeconds: v.optional(wholeNumber(1, LONGEST_TIMEOUT_SECONDS), 10),
      concurrency: v.optional(wholeNumber(1, MOST_CONCURRENCY), 4),
      giveUpAfterDays: v.optional(wholeNumber(1, LONGEST_GIVE_UP_DAYS), 3),
      order: v.optional(v.picklist(['any', 'repository'], 'must be any or repository'), 'any'),
      disabled: v.optional(v.boolean('must be true or false'), false),
    }),
    v.forward(
      v.partialCheck(
        [['batch'], ['format']],
        ({ batch, format }) => batch === 1 || BATCHED_FORMATS.includes(format),
        'must be 1: a body of this format tells of one event',
      ),
      ['batch'],
    ),
    v.transform(
      ({ events, ignoreMediaTypes, timeoutSeconds, giveUpAfterDays, signingSecrets, ...given }): EndpointDocument => ({
        ...given,
        repositories: given.repositories,
        tags: given.tags,
        signingSecrets: signingSecrets ?? [],
        events: new Set(events),
        ignoreMediaTypes: new Set(ignoreMediaTypes ?? []),
        timeoutMs: timeoutSeconds * 1_000,
        giveUpAfterMs: giveUpAfterDays * 86_400_000,
      }),
    ),
  );
}

const formatProblem = `must be one of ${FORMATS.join(', ')}, or an object with a template`;

/** The setting: never throws. */
export function parseEndpoints(
  given: string,
  rules: DestinationRules,
): DocumentResult<{ readonly endpoints: readonly EndpointDocument[] }> {
  const schema = v.strictObject({
    endpoints: v.pipe(
      v.array(endpointSchema(rules, 'bindings'), 'must be a list'),
      v.maxLength(MOST_ENDPOINTS, `must have at most ${String(MOST_ENDPOINTS)} entries`),
      namedOnce('endpoints'),
    ),
  });
  return parseSettingDocument(given, { ...FORM, schema });
}

/** One of the admin API: never throws. */
export function parseEndpoint(given: string, rules: DestinationRules): DocumentResult<EndpointDocument> {
  return parseSettingDocument(given, { ...FORM, schema: endpointSchema(rules, 'values') });
}

const FORM = { longestCharacters: LONGEST_ENDPOINTS_CHARACTERS, maxDepth: MAX_DEPTH, page: REFERENCE };
