/** Personal access tokens, for whoever asks: their owner (`/account/tokens`), or an administrator for somebody. */
import * as v from 'valibot';
import type { MakeTokenResult, NewToken, TokenView } from '../objects/accounts/messages.ts';
import { RegistryError } from '../oci/error.ts';
import { conflict, notFound } from './account-answers.ts';
import { Actions, Description, expiryOf, Flag, Lifetime, limitOf, Repositories } from './request-fields.ts';
import { readJson } from './json-body.ts';
import type { Asked } from './context.ts';

/** Long enough to forget it, short enough that a forgotten one ends. */
const DEFAULT_LIFETIME_DAYS = 90;

const TokenRequest = v.strictObject({
  description: v.optional(Description, ''),
  repositories: v.optional(Repositories),
  actions: v.optional(Actions),
  administrator: v.optional(Flag, false),
  expiresInDays: v.optional(Lifetime, DEFAULT_LIFETIME_DAYS),
});

export async function readTokenRequest(
  asking: Asked,
): Promise<Pick<NewToken, 'description' | 'limit' | 'opensAdmin' | 'expiresAt'>> {
  const asked = await readJson(asking, TokenRequest);
  return {
    description: asked.description,
    limit: limitOf(asked.repositories, asked.actions),
    opensAdmin: asked.administrator,
    expiresAt: expiryOf(asked.expiresInDays),
  };
}

/** The token, or throws why there is none. */
export function madeToken(result: MakeTokenResult): TokenView {
  switch (result.kind) {
    case 'made':
      return result.token;
    case 'no-owner':
      throw notFound('account');
    case 'maker-gone':
      throw new RegistryError('UNAUTHORIZED', { message: 'the credential that was sent counts no more' });
    case 'full':
      throw conflict(`the account has ${String(result.most)} tokens, and no more are kept: revoke one first`);
    case 'too-wide':
      throw new RegistryError('DENIED', { message: TOO_WIDE[result.what] });
  }
}

const TOO_WIDE = {
  limit: 'a token makes none that may do more than it may itself: sign in with the password for that',
  admin: 'a token that opens the admin API is for an administrator, and is made with the password or by the admin API',
} as const;
