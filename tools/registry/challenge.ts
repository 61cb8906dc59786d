/**
 * `WWW-Authenticate` (RFC 9110 §11.6.1; distribution's token protocol): which of the ways to prove who one is that a
 * registry names we can go. Pure.
 */

export type Challenge =
  | { readonly kind: 'basic' }
  | {
      readonly kind: 'bearer';
      readonly realm: string;
      readonly service: string | undefined;
      /** `insufficient_scope`, `invalid_token` (RFC 6750 §3.1). */
      readonly error: string | undefined;
    };

interface Parsed {
  readonly scheme: string;
  readonly parameters: Map<string, string>;
}

const MAX_HEADER_CHARACTERS = 8_192;

const SEPARATORS = /[ \t,]*/y;
const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const EQUALS = /[ \t]*=[ \t]*/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
/** What some schemes write in place of parameters (token68); they are none of ours. */
const REST = /[^ \t,]*/y;

/** A token before a password: who offers both wants the password at the token's server. */
export function parseChallenge(header: string): Challenge | undefined {
  const offered = parse(header);
  const bearer = offered.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.has('realm'));
  const realm = bearer?.parameters.get('realm');
  if (bearer !== undefined && realm !== undefined) {
    const { parameters } = bearer;
    return { kind: 'bearer', realm, service: parameters.get('service'), error: parameters.get('error') };
  }
  return offered.some(({ scheme }) => scheme === 'basic') ? { kind: 'basic' } : undefined;
}

/** Several challenges in one header are told from parameters by the equals sign that follows those. */
function parse(header: string): Parsed[] {
  const challenges: Parsed[] = [];
  if (header.length > MAX_HEADER_CHARACTERS) return challenges;
  let position = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = position;
    const found = pattern.exec(header);
    if (found === null) return undefined;
    position = pattern.lastIndex;
    return found[1] ?? found[0];
  };
  for (;;) {
    take(SEPARATORS);
    const name = take(TOKEN)?.toLowerCase();
    if (name === undefined) return challenges;
    if (take(EQUALS) === undefined) {
      challenges.push({ scheme: name, parameters: new Map() });
      continue;
    }
    const value = take(QUOTED)?.replace(/\\(.)/g, '$1') ?? take(TOKEN);
    if (value === undefined) take(REST);
    // The first counts: a second one would be a way to say different things to different readers.
    else if (challenges.at(-1)?.parameters.has(name) === false) challenges.at(-1)?.parameters.set(name, value);
  }
}
