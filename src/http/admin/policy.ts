/**
 * The policy document: `/admin/policy` and its versions. Whoever changes it says with `If-Match` which version they have
 * seen (RFC 9110 §13.1.1), so that nobody undoes a change that they do not know of. A policy that a setting gives is the
 * setting's to change.
 */
import { parsePolicy } from '../../auth/policy-document.ts';
import { RegistryError } from '../../oci/error.ts';
import type { ExpectedVersion } from '../../objects/accounts/messages.ts';
import { preconditionsOf } from '../conditional.ts';
import { query, type Context } from '../context.ts';
import { mistakes, readText } from '../json-body.ts';
import { listAnswer } from '../pages.ts';
import { askedNowhere, conflict, timeOf } from '../account-answers.ts';
import type { AdminContext } from './administrator.ts';
import { changed } from './changed.ts';

const LARGEST_POLICY_BYTES = 256 * 1024;
const VERSION = /^[1-9]\d{0,14}$/;

/** The document as it was given, ready to be changed and sent back. */
export async function getPolicy(context: AdminContext): Promise<Response> {
  const { meter, objects, config } = context;
  const asked = query(context, 'version');
  if (asked !== undefined && !VERSION.test(asked)) throw mistakes(['version must be a whole number']);
  if (asked === undefined && config.policy !== undefined) return listAnswer(JSON.parse(config.policy), new Headers());
  const found = await meter.call(objects.accounts().getPolicy(asked === undefined ? undefined : Number(asked)));
  if (found === undefined) {
    const decider = config.tokenServer === undefined ? 'BERTH_ANONYMOUS' : 'BERTH_TOKEN_SERVER';
    throw new RegistryError('NOT_FOUND', {
      message:
        asked === undefined
          ? `there is no policy; the setting ${decider} decides. PUT makes the first one`
          : 'there is no such version, or not any more',
    });
  }
  return policyAnswer(found.document, found.version);
}

/** Newest first, with who made each. */
export async function listPolicies({ meter, objects }: AdminContext): Promise<Response> {
  const versions = await meter.call(objects.accounts().listPolicies());
  const shown = versions.map(({ version, madeAt, madeBy }) => ({ version, made: timeOf(madeAt), by: madeBy }));
  return listAnswer({ versions: shown }, new Headers());
}

export async function putPolicy(context: AdminContext): Promise<Response> {
  const { config, policy, meter, objects, actor } = context;
  if (policy.kind === 'token-server' && policy.also === undefined) throw askedNowhere();
  if (config.policy !== undefined) {
    throw conflict('the policy is given by the setting BERTH_POLICY, and changed there');
  }
  const { version: expected, isSaid } = expectedVersion(context);
  const document = await readText(context, LARGEST_POLICY_BYTES);
  const parsed = parsePolicy(document);
  if (!parsed.ok) throw mistakes(parsed.mistakes);
  const result = await meter.call(objects.accounts().putPolicy(document, actor, expected));
  if (result.kind === 'conflict') throw notExpected(result.current, isSaid);
  changed(context, { action: 'policy changed', version: result.version });
  return policyAnswer(document, result.version);
}

/** Without a condition it is for the first one alone. */
function expectedVersion({ request }: Context): { version: ExpectedVersion; isSaid: boolean } {
  const { ifMatch, ifNoneMatch } = preconditionsOf(request);
  if (ifMatch === 'any') return { version: 'any', isSaid: true };
  if (ifMatch === undefined) return { version: 'none', isSaid: ifNoneMatch !== undefined };
  const [version] = ifMatch;
  // No tag of ours, or several: it matches nothing.
  const isOne = ifMatch.length === 1 && version !== undefined && VERSION.test(version);
  return { version: isOne ? Number(version) : 0, isSaid: true };
}

/** 412 where a condition failed (RFC 9110 §15.5.13), 428 where one was needed (RFC 6585 §3). */
function notExpected(current: number | undefined, isSaid: boolean): RegistryError {
  const now = current === undefined ? 'there is no policy' : `version ${String(current)} is in force`;
  return new RegistryError('CONFLICT', {
    status: isSaid ? 412 : 428,
    message: isSaid
      ? `${now}, which is not the one that you have seen; nothing was changed`
      : `${now}: say with If-Match: "${String(current)}" that you change that one; nothing was changed`,
    detail: { current: current ?? null },
  });
}

function policyAnswer(document: string, version: number): Response {
  return new Response(document, { headers: { 'content-type': 'application/json', etag: `"${String(version)}"` } });
}
