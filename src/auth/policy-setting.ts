/**
 * The policy of a registry that has no document: the setting BERTH_ANONYMOUS, the same for everybody who comes, and what
 * an open loopback gives to programs on its own machine; or whatever a token of an outside server says.
 */
import type { Config } from '../config.ts';
import type { Decision, Right } from './decision.ts';
import { principalName, type Principal } from './principal.ts';

const READING: ReadonlySet<Right> = new Set(['ping', 'catalog', 'pull']);

const CLOSED_MESSAGE =
  'this registry is closed: the setting BERTH_ANONYMOUS is "none". ' +
  'Its operator can open it for everyone who reaches it with BERTH_ANONYMOUS=read or read-write.';
const READ_ONLY_MESSAGE =
  'this registry is open for pulls only: the setting BERTH_ANONYMOUS is "read". ' +
  'Its operator can open it for pushes too with BERTH_ANONYMOUS=read-write.';
// Which of the two it was stands in the log alone.
const NOT_LOCAL =
  'this request is not taken for one: it names another host than localhost or 127.0.0.1, ' +
  'or it carries a header that a proxy or a browser adds. ';
const NOT_LOCAL_MESSAGE =
  `this registry is open to programs on its own machine only, and ${NOT_LOCAL}` +
  'Speak to 127.0.0.1 directly; or its operator can open it for everyone who reaches it with BERTH_ANONYMOUS=read or read-write.';
const NOT_LOCAL_READ_ONLY_MESSAGE =
  `this registry takes pushes from programs on its own machine only, and ${NOT_LOCAL}` +
  'Speak to 127.0.0.1 directly; or its operator can open it for pushes by everyone who reaches it with BERTH_ANONYMOUS=read-write.';

export function decideBySetting(anonymous: Config['anonymous'], principal: Principal, right: Right): Decision {
  if (principal.kind === 'local') return { allowed: true, rule: 'open on loopback', moves: 'any' };
  const rule = `BERTH_ANONYMOUS=${anonymous}`;
  // Who signed in has come in, and finds that nothing is given to anybody yet.
  const isKnown = principal.kind !== 'anonymous';
  if (anonymous === 'read-write' || (anonymous === 'read' && READING.has(right)) || (isKnown && right === 'ping')) {
    return { allowed: true, rule, moves: 'any' };
  }
  return { allowed: false, rule, reason: 'policy', message: message(anonymous, principal) };
}

/** Such a token is the right to what it names (policy.ts looks at its scope), and without one there is none. */
export function decideByToken(principal: Principal): Decision {
  const scope = 'scope' in principal ? principal.scope : undefined;
  if (scope !== undefined) return { allowed: true, rule: 'token server', moves: 'any' };
  const message = 'this registry takes tokens of its token server alone: sign in first, for example with docker login';
  return { allowed: false, rule: 'no token', reason: 'policy', message };
}

function message(anonymous: 'none' | 'read', principal: Principal): string {
  if (principal.kind !== 'anonymous') {
    return (
      `${principalName(principal)} has no rights of its own here, since this registry has no policy yet: ` +
      `BERTH_ANONYMOUS=${anonymous} holds for everyone. Its operator can give rights with a policy.`
    );
  }
  const loopbackIsOpen = principal.notLocal !== undefined;
  if (anonymous === 'read') return loopbackIsOpen ? NOT_LOCAL_READ_ONLY_MESSAGE : READ_ONLY_MESSAGE;
  return loopbackIsOpen ? NOT_LOCAL_MESSAGE : CLOSED_MESSAGE;
}
