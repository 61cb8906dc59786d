/**
 * An endpoint with its secrets at hand: those of the setting come from the bindings that it names, those of the admin API are
 * stored sealed. Whatever is missing or can't be read keeps the endpoint from delivering, and is told in one line.
 */
import { configOf, type Config } from '../../config.ts';
import { configuredEndpoints, destinationRulesOf } from '../../notifications/configured-endpoints.ts';
import { parseEndpoint, type EndpointDocument, type SecretValue } from '../../notifications/endpoint-document.ts';
import { isCredentialName, withOpenSecrets } from '../../notifications/endpoint-secrets.ts';
import { sealingKeysOf } from '../../notifications/sealing.ts';
import { parseWebhookSecret, type WebhookSecret } from '../../notifications/signature.ts';

export interface ReadyEndpoint {
  readonly document: EndpointDocument;
  readonly headers: Readonly<Record<string, string>>;
  readonly signingSecrets: readonly WebhookSecret[];
  /** Whatever must not be shown, longest first. */
  readonly secretTexts: readonly string[];
}

export type Readiness =
  | { readonly kind: 'ready'; readonly endpoint: ReadyEndpoint }
  /** No setting names it, and the admin API has not made it. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unreadable'; readonly problem: string };

/** A part that is shorter is no secret, and would be cut out of every answer that has it by chance. */
const SHORTEST_PART_CHARACTERS = 12;

class Unreadable extends Error {}

/** @param stored the document of the admin API; absent: the setting has it */
export async function readyEndpoint(env: Env, name: string, stored: string | undefined): Promise<Readiness> {
  try {
    const config = configOf(env);
    const document = stored === undefined ? fromSetting(config, name) : await fromStore(config, name, stored);
    return document === undefined ? { kind: 'unknown' } : { kind: 'ready', endpoint: withSecrets(document, env) };
  } catch (error) {
    return { kind: 'unreadable', problem: error instanceof Unreadable ? error.message : String(error) };
  }
}

function fromSetting(config: Config, name: string): EndpointDocument | undefined {
  return configuredEndpoints(config).find((document) => document.name === name);
}

async function fromStore(config: Config, name: string, stored: string): Promise<EndpointDocument> {
  const opened = await withOpenSecrets(JSON.parse(stored), name, sealingKeysOf(config));
  if (!opened.ok) throw new Unreadable(opened.problem);
  // Looked at again: what a setting allowed then it may not allow now.
  const result = parseEndpoint(JSON.stringify(opened.document), destinationRulesOf(config));
  if (!result.ok) throw new Unreadable(result.mistakes.join('; '));
  return result.value;
}

function withSecrets(document: EndpointDocument, env: Env): ReadyEndpoint {
  const texts: string[] = [];
  const secretOf = (secret: SecretValue): string => {
    const text = ('value' in secret ? secret.value : bound(env, secret.binding)).trim();
    texts.push(text);
    return text;
  };
  const headers = Object.fromEntries(
    Object.entries(document.headers).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : secretOf(value),
    ]),
  );
  for (const [name, value] of Object.entries(headers)) if (isCredentialName(name)) texts.push(value);
  const signingSecrets = document.signingSecrets.map((secret) => {
    const parsed = parseWebhookSecret(secretOf(secret));
    if (parsed !== undefined) return parsed;
    const where = 'binding' in secret ? `the secret ${secret.binding}` : 'a signing secret';
    throw new Unreadable(`${where} must be whsec_ and 24 to 64 bytes in base64, or whsk_ and an Ed25519 key`);
  });
  return { document, headers, signingSecrets, secretTexts: shownNowhere(document.url, texts) };
}

/** `Bearer abc` is no secret without `abc`; and who knows the address of a chat's webhook can write there. */
function shownNowhere(url: string, secrets: readonly string[]): string[] {
  const { pathname, search } = new URL(url);
  const parts = [...secrets.flatMap((secret) => secret.split(/[\s_=:,"]+/)), `${pathname}${search}`];
  const all = [...secrets, url, ...parts.filter(({ length }) => length >= SHORTEST_PART_CHARACTERS)];
  const escaped = all.map((text) => JSON.stringify(text).slice(1, -1));
  return [...new Set([...all, ...escaped])].sort((one, other) => other.length - one.length);
}

function bound(env: object, binding: string): string {
  const value: unknown = Reflect.get(env, binding);
  if (typeof value === 'string' && value !== '') return value;
  throw new Unreadable(`there is no secret ${binding}: make it with wrangler secret put ${binding}`);
}
