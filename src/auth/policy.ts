/**
 * Who may do what. Pure: no I/O, no clock.
 * There is one policy so far, a setting: what a caller without credentials may do. Default: nothing.
 */
import type { Config } from '../config.ts';
import type { RepositoryName } from '../oci/repository-name.ts';

/**
 * What a route needs. `ping` is the API's base, which tells nothing but that the caller may come in; `catalog` is the list
 * of all repositories.
 */
export type Right = 'ping' | 'catalog' | 'pull' | 'push' | 'delete';
const READING: ReadonlySet<Right> = new Set(['ping', 'catalog', 'pull']);

/** `local`: provably somebody on the machine that an open-on-loopback registry runs on. */
export interface Principal {
  kind: 'anonymous' | 'local';
  /** Where loopback is open, what kept the caller from being local: `host`, or the header that tells. */
  notLocal?: string;
}

export type Decision = { allowed: true; rule: string } | { allowed: false; rule: string; message: string };

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

export function authorize(
  policy: Pick<Config, 'anonymous'>,
  principal: Principal,
  right: Right,
  // The one policy makes no difference between repositories; every caller names it all the same.
  _repository: RepositoryName | undefined,
): Decision {
  if (principal.kind === 'local') return { allowed: true, rule: 'open on loopback' };
  const rule = `BERTH_ANONYMOUS=${policy.anonymous}`;
  const loopbackIsOpen = principal.notLocal !== undefined;
  switch (policy.anonymous) {
    case 'read-write':
      return { allowed: true, rule };
    case 'read':
      return READING.has(right)
        ? { allowed: true, rule }
        : { allowed: false, rule, message: loopbackIsOpen ? NOT_LOCAL_READ_ONLY_MESSAGE : READ_ONLY_MESSAGE };
    case 'none':
      return { allowed: false, rule, message: loopbackIsOpen ? NOT_LOCAL_MESSAGE : CLOSED_MESSAGE };
  }
}
