/** Which variables of the environment reach the Worker since BERTH_ENDPOINTS names them. */
import { describe, expect, it } from 'vitest';
import { workerVariables } from '../../../standalone/settings/worker-variables.ts';
import { refusals } from './settings/examining.ts';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

function documentOf(fields: object): string {
  return JSON.stringify({ endpoints: [{ name: 'a', url: 'https://hooks.example.com/', ...fields }] });
}

const SIGNED = documentOf({ signingSecrets: [{ binding: 'HOOK_SECRET' }] });
const WITH_TOKEN = documentOf({ headers: { Accept: 'text/plain', Authorization: { binding: 'HOOK_TOKEN' } } });

type Environment = Readonly<Record<string, string>>;

function variables(document: string, environment: Environment) {
  return workerVariables({}, { BERTH_ENDPOINTS: document, ...environment }, '127.0.0.1');
}

function refusal(document: string, environment: Environment): string[] {
  return refusals([], { BERTH_ENDPOINTS: document, ...environment });
}

describe('the secrets of endpoints', () => {
  it('come from the variables that the document names, and nothing else does', () => {
    const environment = { HOOK_SECRET: SECRET, HOOK_TOKEN: 'Bearer abc', OTHER: 'no', PATH: '/bin' };
    expect(variables(SIGNED, environment)).toMatchObject({ BERTH_ENDPOINTS: SIGNED, HOOK_SECRET: SECRET });
    expect(Object.keys(variables(SIGNED, environment))).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^(OTHER|PATH|HOOK_TOKEN)$/)]),
    );
    expect(variables(WITH_TOKEN, environment)).toMatchObject({ HOOK_TOKEN: 'Bearer abc' });
  });

  it('may have names that begin like those of settings', () => {
    const document = documentOf({ signingSecrets: [{ binding: 'BERTH_HOOK_SECRET' }] });
    expect(variables(document, { BERTH_HOOK_SECRET: SECRET })).toMatchObject({ BERTH_HOOK_SECRET: SECRET });
    expect(refusal(SIGNED, { HOOK_SECRET: SECRET, BERTH_HOOK_SECRET: SECRET })).toEqual([
      'BERTH_HOOK_SECRET is no setting. docs/configuration.md lists them all.',
    ]);
  });

  it.each(['BERTH_ADMIN_PASSWORD', 'BERTH_HTPASSWD_2', 'BERTH_ENDPOINTS', 'BLOBS'])(
    'are never what %s is to Berth',
    (binding) => {
      const document = documentOf({ headers: { Authorization: { binding } } });
      expect(refusal(document, { BLOBS: 'a secret' })).toEqual([
        `BERTH_ENDPOINTS: endpoints[0].headers.Authorization names ${binding}, which is something else to Berth. Keep the secret under another name.`,
      ]);
    },
  );

  it.each([{}, { HOOK_SECRET: '' }])('that are missing are named, with where (%o)', (environment) => {
    expect(refusal(SIGNED, environment)).toEqual([
      'BERTH_ENDPOINTS: endpoints[0].signingSecrets[0] names HOOK_SECRET, which is not set. Put the secret into that variable.',
    ]);
  });

  it('that can sign nothing end the start, and are not shown', () => {
    const [said, ...others] = refusal(SIGNED, { HOOK_SECRET: 'hunter2' });
    expect(others).toEqual([]);
    expect(said).toContain('names HOOK_SECRET, which holds no secret of Standard Webhooks');
    expect(said).not.toContain('hunter2');
  });

  it('are not asked for where the document has a mistake, which is told', () => {
    expect(refusal(documentOf({ url: 'http://127.0.0.1/', signingSecrets: [{ binding: 'HOOK_SECRET' }] }), {})).toEqual(
      [expect.stringContaining('BERTH_ENDPOINTS: endpoints[0].url must begin with https://')],
    );
  });
});
