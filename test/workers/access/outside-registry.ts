/** A registry that takes the tokens of an outside server, as tests ask it. */
import { OutsideIssuer, type Access, type TokenParts } from '../../outside-issuer.ts';
import { pushedTo, sendWith, type Sent, type Settings } from '../client.ts';
import { newBlob, settle, type Blob } from '../world.ts';
import { bearer } from './people.ts';

export interface OutsideRegistry {
  readonly issuer: OutsideIssuer;
  readonly settings: Settings;
  /** Of an image that lies in team/app and in hidden/app. */
  readonly blob: Blob;
  /** The header with a token that says this. */
  readonly given: (access: readonly Access[], parts?: TokenParts) => Promise<Record<string, string>>;
  readonly ask: (
    method: string,
    path: string,
    headers?: Record<string, string>,
    more?: Settings,
    sent?: Sent,
  ) => Promise<Response>;
}

export async function outsideRegistry(): Promise<OutsideRegistry> {
  const issuer = await OutsideIssuer.make();
  const settings = { BERTH_ANONYMOUS: 'none', BERTH_TOKEN_SERVER: issuer.document() };
  const blob = await newBlob(300);
  await pushedTo(['team/app', 'hidden/app'], blob);
  await settle();
  return {
    issuer,
    settings,
    blob,
    given: async (access, parts) => bearer(await issuer.token(access, parts)),
    ask: (method, path, headers = {}, more = {}, sent = {}) =>
      sendWith({ ...settings, ...more }, method, path, { headers, ...sent }),
  };
}
