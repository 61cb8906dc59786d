/**
 * What of a request's address may stand in the log: nothing that opens anything. Whoever knows the whole id of an upload
 * may be able to write it, and what stands in a query that the API does not know may be somebody's password. Pure.
 */

const LOGGED_ID_CHARACTERS = 8;
const LOGGED_CHARACTERS = 1_024;
const LEFT_OUT = '...';

/** The parameters of the API. Those of the tokens' protocol are not among them: people type passwords for names. */
const KNOWN: ReadonlySet<string> = new Set([
  'digest',
  'digest-algorithm',
  'mount',
  'from',
  'tag',
  'n',
  'last',
  'artifactType',
  'ns',
  'after',
  'version',
]);

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
  return page.replace(/^([a-z]+:\/\/)[^/@]*@/i, '$1').slice(0, LOGGED_CHARACTERS);
}

/** As it is shown wherever an upload is named. */
export function loggedUploadId(id: string | undefined): string | undefined {
  return id?.slice(0, LOGGED_ID_CHARACTERS);
}

function loggedPath(path: string): string {
  return path.replace(/(\/blobs\/uploads\/)([^/]+)/, (_, before: string, id: string) =>
    id.length <= LOGGED_ID_CHARACTERS ? before + id : `${before}${loggedUploadId(id) ?? ''}${LEFT_OUT}`,
  );
}

function loggedParameter(pair: string): string {
  const [name = ''] = pair.split('=', 1);
  if (KNOWN.has(name) || pair === '') return pair;
  return pair.includes('=') && name.length <= LOGGED_ID_CHARACTERS * 2 ? `${name}=${LEFT_OUT}` : LEFT_OUT;
}
