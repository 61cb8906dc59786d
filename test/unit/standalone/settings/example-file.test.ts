/** examples/berth.toml, as its comments say that it is used. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { doubtsOf } from '../../../../standalone/doubtful-settings.ts';
import { accessOf, exposureWarnings, isLoopback } from '../../../../standalone/exposure.ts';
import { workerVariables } from '../../../../standalone/settings/worker-variables.ts';
import { parseConfig } from '../../../../src/config.ts';
import { settingsOf } from './examining.ts';
import { scratch, write } from './scratch.ts';

const EXAMPLE = readFileSync(new URL('../../../../examples/berth.toml', import.meta.url), 'utf8');

/** What is said of a registry that serves by this text. */
function said(text: string): { events: string[]; publicUrl: string } {
  const folder = scratch();
  write(join(folder, 'htpasswd'), `alice:$2y$05$${'a'.repeat(53)}\n`);
  write(join(folder, 'policy.json'), '{"rules":[]}');
  const settings = settingsOf(['--config', write(join(folder, 'berth.toml'), text)]);
  const host = settings.get('host');
  const config = parseConfig(workerVariables(settings.configured, settings.environment, host));
  const access = accessOf(config);
  const warnings = exposureWarnings(host, access, settings.environment);
  const doubts = doubtsOf(config, access, { host, speaksTls: false });
  return { events: [...warnings, ...doubts].map(({ event }) => event), publicUrl: config.publicUrl ?? '' };
}

it('says what everyone may do, and sends clients to no machine of theirs', () => {
  const { events, publicUrl } = said(EXAMPLE);
  expect(events).toEqual(['exposed']);
  const { hostname } = new URL(publicUrl);
  expect(hostname === 'localhost' || isLoopback(hostname)).toBe(false);
});

it('with people and a policy in the place of the line above them leaves nothing to say', () => {
  const withPeople = EXAMPLE.replace(/^anonymous = .*\n/m, '').replace(/^# (htpasswd|policy) =/gm, '$1 =');
  expect(withPeople).toMatch(/^htpasswd = .*\npolicy = /m);
  expect(said(withPeople).events).toEqual([]);
});
