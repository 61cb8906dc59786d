/**
 * What of an answer is compared, in words that are the same on every run and every machine. Left out is what the protocol
 * gives no meaning: a registry's own address before a path (Location may be relative or absolute), the id and the state of
 * a session, the order within Allow and within a query, `charset` of JSON (RFC 8259 §11 has none), the length of JSON that
 * the registry itself wrote, the boundary between parts, and the words of an error. Tags are sorted, since distribution
 * lists them as its disk does; that it does so is told where there are enough of them to be sure.
 */
import * as v from 'valibot';
import { CONTENT, named } from './content.ts';
import type { Answer } from './exchange.ts';
import type { Step } from './step.ts';

/** Of all others the protocol says nothing, or nothing that a client goes by. */
const HEADERS = [
  'Location',
  'Docker-Content-Digest',
  'Content-Type',
  'Content-Length',
  'Range',
  'Content-Range',
  'Docker-Upload-UUID',
  'Link',
  'Allow',
  'WWW-Authenticate',
  'ETag',
  'Docker-Distribution-API-Version',
  'Accept-Ranges',
  'OCI-Chunk-Min-Length',
  'OCI-Chunk-Max-Length',
  'OCI-Subject',
  'OCI-Tag',
  'OCI-Filters-Applied',
  'OCI-Namespace',
] as const;

/** Where the specification speaks of it ("Pushing a blob in chunks"); elsewhere it repeats itself. */
const OF_A_POST: ReadonlySet<string> = new Set(['OCI-Chunk-Min-Length', 'OCI-Chunk-Max-Length']);

const JSON_TYPE = 'application/json';
const LONGEST_QUOTE = 160;
/** Eight names are in order by chance once in 40,320 times. */
const TELLING_LENGTH = 8;
const SESSION = /(\/blobs\/uploads\/)[^/?]+(?:\?.*)?$/;
/** Any address will do to read a relative one. */
const NOWHERE = 'http://nowhere';

/** In the order in which a row says them. */
export const FACETS = ['status', 'code', ...HEADERS, 'body'] as const;

/** From what it is called to what it says; what is absent is not there. */
export type NormalForm = ReadonlyMap<(typeof FACETS)[number], string>;

/** @param base the address of the registry that answered */
export function normalForm({ method }: Step, answer: Answer, base: string): NormalForm {
  const form = new Map<(typeof FACETS)[number], string>([['status', String(answer.status)]]);
  const type = contentTypeOf(answer);
  const isContent = answer.status === 200 || answer.status === 206;
  const codes = answer.status >= 400 && type === JSON_TYPE ? codesOf(answer.body) : '';
  if (codes !== '') form.set('code', codes);
  for (const name of HEADERS) {
    const value = [answer.headers[name.toLowerCase()]].flat().join(', ');
    if (value === '') continue;
    if (name === 'Content-Length' && (!isContent || type === JSON_TYPE)) continue;
    if (OF_A_POST.has(name) && method !== 'POST') continue;
    form.set(name, named(headerForm(name, value, base)));
  }
  if (isContent && answer.body.length > 0) form.set('body', bodyForm(answer.body, type));
  if (answer.isCutOff) form.set('body', 'breaks off');
  return form;
}

function headerForm(name: (typeof HEADERS)[number], value: string, base: string): string {
  switch (name) {
    case 'Location':
      return (value.startsWith(`${base}/`) ? value.slice(base.length) : value).replace(SESSION, '$1<session>');
    case 'Docker-Upload-UUID':
      return '<session>';
    case 'Content-Type':
      return withoutCharset(value).replace(/; *boundary=\w+$/, '');
    case 'Allow':
      return value.split(/, */).sort().join(', ');
    case 'Link':
      return value.replace(/<([^>]*)>/, (_, target: string) => `<${sortedQuery(target)}>`);
    default:
      return value;
  }
}

function contentTypeOf({ headers }: Answer): string | undefined {
  const type = headers['content-type'];
  return type === undefined ? undefined : withoutCharset(type);
}

function withoutCharset(type: string): string {
  return type.replace(/^application\/json; *charset=utf-8$/i, JSON_TYPE);
}

function sortedQuery(target: string): string {
  const { pathname, searchParams } = new URL(target, NOWHERE);
  searchParams.sort();
  return `${pathname}?${searchParams.toString()}`;
}

const Errors = v.pipe(v.string(), v.parseJson(), v.object({ errors: v.array(v.looseObject({ code: v.string() })) }));

/** Each once: some name every blob that is missing by an error of its own. */
function codesOf(body: Buffer): string {
  const parsed = v.safeParse(Errors, body.toString());
  return parsed.success ? [...new Set(parsed.output.errors.map(({ code }) => code))].join(', ') : '';
}

const Tags = v.pipe(v.string(), v.parseJson(), v.strictObject({ name: v.string(), tags: v.array(v.string()) }));

function bodyForm(body: Buffer, type: string | undefined): string {
  for (const [name, bytes] of CONTENT) if (bytes.equals(body)) return `{${name}}`;
  const text = named(body.toString());
  const short = type === JSON_TYPE ? jsonForm(text) : JSON.stringify(text);
  return short.length <= LONGEST_QUOTE ? short : `${body.length} bytes`;
}

function jsonForm(text: string): string {
  const list = v.safeParse(Tags, text);
  // As it came, but for the line that distribution ends with.
  if (!list.success) return text.trim();
  const { name, tags } = list.output;
  const sorted = tags.toSorted((one, two) => Buffer.compare(Buffer.from(one), Buffer.from(two)));
  const isOrdered = tags.length < TELLING_LENGTH || tags.every((tag, index) => tag === sorted[index]);
  return JSON.stringify({ name, tags: sorted }) + (isOrdered ? '' : ' in no order');
}
