/**
 * What of a request's address may stand in the log: nothing that opens anything. Whoever knows the whole id of an upload
 * may be able to write it, and what stands in a query that the API does not know may be somebody's password. Pure.
 */

const LOGGED_ID_CHARACTERS = 8;
const LOGGED_CHARACTERS = 1_024;
/** A longer one is nobody's parameter. */
const LONGEST_NAME_CHARACTERS = 16;
const LEFT_OUT = '...';

const DIGEST = /^[a-z0-9+._-]+(?::|%3a)[0-9a-f]{32,128}$/i;
const NUMBER = /^\d{1,19}$/;
const NAME = /^[a-z0-9._/-]{1,255}$/i;

/**
 * The parameters of the API, and the form of a value that may stand there: of any other nobody knows what it is. Those of the
 * tokens' protocol are not among them: people type passwords for names.
 */
const KNOWN: Readonly<Record<string, RegExp | undefined>> = {
  digest: DIGEST,
  mount: DIGEST,
  from: NAME,
  tag: NAME,
  n: NUMBER,
  last: NAME,
  ns: /^[a-z0-9.:-]{1,255}$/i,
};

/** Path and query as they were sent, but for what is left out of them. */
export function loggedTarget(url: string): string {
  const [, target = ''] = /^[a-z]+:\/\/[^/?#]*([^#]*)/i.exec(url) ?? [];
  const mark = target.indexOf('?');
  const path = (mark < 0 ? target : target.slice(0, mark)) || '/';
  const query =
    mark < 0
      ? ''
      : `?${target
          .slice(mark + 1)
          .split('&')
          .map(loggedParameter)
          .join('&')}`;
  return `${loggedPath(path)}${query}`.slice(0, LOGGED_CHARACTERS);
}

/** What a client says it came from, without what may follow the path. */
export function loggedReferer(referer: string): string {
  const [page = ''] = referer.split(/[?#]/, 1);
  return page.replace(/^((?:[a-z][a-z\d+.-]*:)?[/\\]{2})[^/\\]*@/i, '$1').slice(0, LOGGED_CHARACTERS);
}

/** As it is shown wherever an upload is named. */
export function loggedUploadId(id: string | undefined): string | undefined {
  return id?.slice(0, LOGGED_ID_CHARACTERS);
}

function loggedPath(path: string): string {
  return path.replace(/([/\\]blobs[/\\]uploads[/\\])([^/\\]+)/, (_, before: string, id: string) =>
    id.length <= LOGGED_ID_CHARACTERS ? before + id : `${before}${loggedUploadId(id) ?? ''}${LEFT_OUT}`,
  );
}

function loggedParameter(pair: string): string {
  const [name = ''] = pair.split('=', 1);
  const form = Object.hasOwn(KNOWN, name) ? KNOWN[name] : undefined;
  if (form?.test(pair.slice(name.length + 1)) === true) return pair;
  return pair.includes('=') && name.length <= LONGEST_NAME_CHARACTERS ? `${name}=${LEFT_OUT}` : LEFT_OUT;
}
