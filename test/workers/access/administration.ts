/** Speaks to the admin API and to `/account/tokens` of the Worker's own front, and reads what comes back. */
import * as v from 'valibot';
import { sendWith, type Settings } from '../client.ts';

export const PASSWORD = 'correct horse battery staple';
export const SETTINGS: Settings = { BERTH_ADMIN_PASSWORD: PASSWORD, BERTH_ANONYMOUS: 'none' };
export const ADMIN = basic('admin', PASSWORD);

export interface Told {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Empty where the answer is no object. */
  readonly json: Readonly<Record<string, unknown>>;
  /** Of a refusal. */
  readonly code: string | undefined;
  readonly message: string;
}

const Refusal = v.object({ errors: v.tuple([v.looseObject({ code: v.string(), message: v.string() })]) });
const Json = v.pipe(v.string(), v.parseJson(), v.record(v.string(), v.unknown()));

export interface Asked {
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly settings?: Settings;
}

/** @param authorization the header's value, or undefined for none */
export async function ask(
  authorization: string | undefined,
  method: string,
  path: string,
  { body, headers = {}, settings = {} }: Asked = {},
): Promise<Told> {
  const response = await sendWith({ ...SETTINGS, ...settings }, method, path, {
    headers: { ...(authorization === undefined ? {} : { authorization }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const json = v.safeParse(Json, text);
  const refusal = v.safeParse(Refusal, json.output);
  const [first] = refusal.success ? refusal.output.errors : [];
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: json.success ? json.output : {},
    code: first?.code,
    message: first?.message ?? '',
  };
}

export function admin(method: string, path: string, body?: unknown, more: Asked = {}): Promise<Told> {
  return ask(ADMIN, method, path, { body, ...more });
}

export function basic(name: string, password: string): string {
  return `Basic ${btoa(`${name}:${password}`)}`;
}

export function bearer(token: string): string {
  return `Bearer ${token}`;
}

const Lists = v.record(v.string(), v.array(v.record(v.string(), v.unknown())));

/** The list that an answer is. */
export function listed({ text }: Told, name: 'accounts' | 'tokens'): readonly Readonly<Record<string, unknown>>[] {
  return v.parse(v.pipe(v.string(), v.parseJson(), Lists), text)[name] ?? [];
}

/** A new account; what it signs in with. */
export async function newAccount(name: string, more: Record<string, unknown> = {}): Promise<string> {
  const { status, json, text } = await admin('POST', '/admin/accounts', { name, ...more });
  if (status !== 201) throw new Error(text);
  return String(json['password']);
}

/** A new token of an account, asked for with `authorization` by its owner, or without by the administrator. */
export async function newToken(
  name: string,
  wanted: Record<string, unknown> = {},
  authorization?: string,
): Promise<{ readonly id: string; readonly token: string }> {
  const { status, json, text } =
    authorization === undefined
      ? await admin('POST', `/admin/accounts/${name}/tokens`, wanted)
      : await ask(authorization, 'POST', '/account/tokens', { body: wanted });
  if (status !== 201) throw new Error(text);
  return { id: String(json['id']), token: String(json['token']) };
}
