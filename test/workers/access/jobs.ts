/** What tests of jobs share: an issuer that a registry trusts, a policy for its jobs, and what a job sends. */
import * as v from 'valibot';
import { demand, sendWith, type Settings } from '../client.ts';
import { TestIssuer } from './issuer.ts';
import { basic, postToken, PUBLIC_URL, SERVICE, SETTINGS } from './people.ts';

const GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange';
const TYPES = 'urn:ietf:params:oauth:token-type:';
export const ID_TOKEN = `${TYPES}id_token`;
export const JWT = `${TYPES}jwt`;
export const ACCESS_TOKEN = `${TYPES}access_token`;
export const MINUTE = 60_000;

const POLICY = {
  rules: [
    {
      ...{ name: 'main', subjects: ['workload:github'], repositories: ['team/{claim:repository}/**'] },
      ...{ actions: ['pull', 'push'], when: { claims: { ref: 'refs/heads/main' } } },
    },
    { name: 'people', subjects: ['authenticated'], repositories: ['**'], actions: ['*'] },
    { name: 'public', subjects: ['anonymous'], repositories: ['public/**'], actions: ['pull'] },
  ],
};

export const Exchanged = v.strictObject({
  access_token: v.string(),
  issued_token_type: v.string(),
  token_type: v.string(),
  expires_in: v.number(),
  scope: v.optional(v.string()),
});

export function asJob(password: string, name = 'github'): Record<string, string> {
  return basic({ name, password });
}

/** A registry that trusts one issuer, under the name `github`, for the jobs of the owner 7. */
export class JobRegistry {
  readonly issuer: TestIssuer;

  private constructor(issuer: TestIssuer) {
    this.issuer = issuer;
  }

  static async open(): Promise<JobRegistry> {
    return new JobRegistry(await TestIssuer.open());
  }

  trust(changes: object = {}): object {
    return {
      ...{ name: 'github', issuer: this.issuer.url, audience: PUBLIC_URL, claims: { repository_owner_id: '7' } },
      ...changes,
    };
  }

  settings(changes: object = {}, more: Settings = {}): Settings {
    return {
      ...SETTINGS,
      BERTH_TRUSTS: JSON.stringify({ trusts: [this.trust(changes)] }),
      BERTH_POLICY: JSON.stringify(POLICY),
      ...more,
    };
  }

  idToken(claims: Record<string, unknown> = {}): Promise<string> {
    return this.issuer.token(PUBLIC_URL, claims);
  }

  base(headers: Record<string, string>, settings = this.settings()): Promise<Response> {
    return sendWith(settings, 'GET', '/v2/', { headers });
  }

  push(
    headers: Record<string, string>,
    repository = 'team/acme/app/image',
    settings = this.settings(),
  ): Promise<Response> {
    return sendWith(settings, 'POST', `/v2/${repository}/blobs/uploads/`, { headers });
  }

  exchange(form: Record<string, string>, settings = this.settings()): Promise<Response> {
    return postToken({ grant_type: GRANT, subject_token_type: ID_TOKEN, service: SERVICE, ...form }, settings);
  }

  async credential(form: Record<string, string> = {}, settings = this.settings()) {
    const response = demand(await this.exchange({ subject_token: await this.idToken(), ...form }, settings), 200);
    return v.parse(Exchanged, await response.json());
  }
}
