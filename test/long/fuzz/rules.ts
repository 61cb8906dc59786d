/**
 * The model: what a registry has to answer to an operation, and what it holds afterwards. From docs/api.md and
 * docs/compatibility.md, not from the registry's code. Pure.
 */
import { deleteBlob, deleteManifest, getBlob, getManifest, putManifest } from './content-rules.ts';
import { isName } from './grammar.ts';
import { base, catalog, referrers, tags } from './list-rules.ts';
import type { Operation, Twist } from './operation.ts';
import { header, headerLike, refusal } from './outcome.ts';
import type { Outcome } from './outcome.ts';
import type { State } from './state.ts';
import { append, cancel, close, openUpload, uploadStatus } from './upload-rules.ts';
import type { Others } from './upload-rules.ts';

export interface World {
  /** `host:port`, as clients name the registry. */
  readonly host: string;
  readonly others: Others;
}

/** What may come of an operation, with what is odd about its request. */
export function outcomes(state: State, operation: Operation, twist: Twist | undefined, world: World): Outcome[] {
  const refused = twist === undefined ? undefined : refusalOf(state, twist);
  if (refused !== undefined) return refused;
  const named = 'repository' in operation;
  if (named && !isName(operation.repository)) return [refusal(state, 400, 'NAME_INVALID')];
  const answers = rule(state, operation, world);
  if (!named || (twist !== 'own-namespace' && twist !== 'other-namespace')) return answers;
  const told = header('oci-namespace', twist === 'own-namespace' ? world.host : undefined);
  return answers.map((one) => ({
    ...one,
    mismatch: (answer) => one.mismatch(answer) ?? (answer.status < 400 ? told(answer) : undefined),
  }));
}

function rule(state: State, operation: Operation, { others }: World): Outcome[] {
  switch (operation.kind) {
    case 'base':
      return base(state, operation);
    case 'catalog':
      return catalog(state, operation);
    case 'tags':
      return tags(state, operation);
    case 'referrers':
      return referrers(state, operation);
    case 'get-manifest':
      return getManifest(state, operation);
    case 'put-manifest':
      return putManifest(state, operation);
    case 'delete-manifest':
      return deleteManifest(state, operation);
    case 'get-blob':
      return getBlob(state, operation);
    case 'delete-blob':
      return deleteBlob(state, operation);
    case 'open':
      return openUpload(state, operation, others);
    case 'status':
      return uploadStatus(state, operation);
    case 'append':
      return append(state, operation);
    case 'close':
      return close(state, operation);
    case 'cancel':
      return cancel(state, operation);
  }
}

/** Undefined where the twist changes nothing of what is answered. */
function refusalOf(state: State, twist: Twist): Outcome[] | undefined {
  switch (twist) {
    case 'foreign':
      return [refusal(state, 401, 'UNAUTHORIZED', headerLike('www-authenticate', /^Basic /))];
    case 'long-address':
      return [refusal(state, 414, 'UNSUPPORTED')];
    case 'other-method':
      return [refusal(state, 405, 'UNSUPPORTED', headerLike('allow', /^[A-Z]+(, [A-Z]+)*$/))];
    case 'double-slash':
    case 'slash-behind':
      return [
        refusal(state, 404, 'UNSUPPORTED'),
        refusal(state, 405, 'UNSUPPORTED'),
        ...['NAME_INVALID', 'TAG_INVALID', 'DIGEST_INVALID'].map((code) => refusal(state, 400, code)),
      ];
    case 'encoded-colon':
    case 'unknown-query':
    case 'accept':
    case 'expect':
    case 'own-namespace':
    case 'other-namespace':
      return undefined;
  }
}
