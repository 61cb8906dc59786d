/**
 * Secrets of the endpoints that BERTH_ENDPOINTS names. The document says in which binding of the Worker each is
 * (src/notifications/endpoint-document.ts); under `npm start` that is the environment variable of the same name. Those
 * variables are handed on, and no others.
 */
import { parseEndpoints, type EndpointDocument, type SecretValue } from '../src/notifications/endpoint-document.ts';
import { parseWebhookSecret } from '../src/notifications/signature.ts';
import { isSettingName } from '../src/config.ts';
import type { Environment } from './setting-file.ts';

interface NamedSecret {
  readonly binding: string;
  /** Where the document names it: `endpoints[0].headers.Authorization`. */
  readonly path: string;
  readonly isSigning: boolean;
}

/** The variables that a document names. None of one with mistakes, which others tell. */
export function secretNames(document: unknown): string[] {
  return secretsOf(document).map(({ binding }) => binding);
}

/** The bindings that hold the secrets; none that is a setting, which secretMistakes refuses. */
export function endpointSecrets(document: unknown, environment: Environment): Record<string, string> {
  const names = secretNames(document).filter((name) => !isSettingName(name));
  return Object.fromEntries(names.map((name) => [name, environment[name] ?? '']));
}

export interface SecretMistake {
  /** Where the document names it: `endpoints[0].headers.Authorization`. */
  readonly path: string;
  readonly message: string;
}

/**
 * Why a secret is not there, or can't be one.
 *
 * @param isTaken whether the Worker has a binding of that name already
 */
export function secretMistakes(
  document: unknown,
  environment: Environment,
  isTaken: (name: string) => boolean,
): SecretMistake[] {
  return secretsOf(document).flatMap(({ binding, path, isSigning }) => {
    const value = environment[binding] ?? '';
    const message =
      isSettingName(binding) || isTaken(binding)
        ? 'which is something else to Berth. Keep the secret under another name.'
        : value === ''
          ? 'which is not set. Put the secret into that variable.'
          : isSigning && parseWebhookSecret(value) === undefined
            ? 'which holds no secret of Standard Webhooks: whsec_ and 24 to 64 random bytes in base64, or whsk_ and a key of Ed25519. (printf whsec_; openssl rand -base64 32) makes one.'
            : undefined;
    return message === undefined ? [] : [{ path, message: `names ${binding}, ${message}` }];
  });
}

function secretsOf(document: unknown): NamedSecret[] {
  if (typeof document !== 'string') return [];
  // Where an endpoint may be is looked at where all settings are.
  const result = parseEndpoints(document, { allowPrivate: true, ownHosts: [] });
  return result.ok ? result.value.endpoints.flatMap(secretsOfOne) : [];
}

function secretsOfOne({ headers, signingSecrets }: EndpointDocument, index: number): NamedSecret[] {
  const at = `endpoints[${String(index)}]`;
  return [
    ...Object.entries(headers).map(([name, value]) => named(value, `${at}.headers.${name}`, false)),
    ...signingSecrets.map((value, position) => named(value, `${at}.signingSecrets[${String(position)}]`, true)),
  ].flat();
}

function named(value: string | SecretValue, path: string, isSigning: boolean): NamedSecret[] {
  return typeof value === 'object' && 'binding' in value ? [{ binding: value.binding, path, isSigning }] : [];
}
