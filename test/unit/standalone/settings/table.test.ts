/** The table of settings, and what is made from it. */
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { SETTING_NAMES } from '../../../../src/config.ts';
import { exampleOf } from '../../../../standalone/settings/flags.ts';
import { helpText } from '../../../../standalone/settings/help.ts';
import { habitsOfDistribution } from '../../../../standalone/settings/hints.ts';
import { defaultOf, shapeOf, type Setting } from '../../../../standalone/settings/setting.ts';
import { SETTINGS } from '../../../../standalone/settings/table.ts';

const isSwitch = ({ schema }: Setting): boolean => shapeOf(schema).kind === 'switch';
const takesText = SETTINGS.filter((setting) => setting.flag !== undefined && !isSwitch(setting));

describe('the table', () => {
  it('has every setting once, those of the Worker among them', () => {
    const variables = SETTINGS.map(({ variable }) => variable);
    expect(new Set(variables).size).toBe(variables.length);
    expect(variables).toEqual(expect.arrayContaining([...SETTING_NAMES]));
  });

  it('has for every setting a default that its schema takes', () => {
    for (const setting of SETTINGS) {
      const value = defaultOf(setting);
      if (value !== undefined) expect(v.is(setting.schema, value), setting.name).toBe(true);
    }
  });

  it.each(takesText.map((setting) => [setting.name, setting] as const))(
    'says of %s what stands for its value, and gives an example that its schema takes',
    (_, setting) => {
      expect(setting.value).toBeDefined();
      expect(v.is(setting.schema, exampleOf(setting))).toBe(true);
    },
  );

  it('has a text for --help that is part of a sentence', () => {
    for (const { name, doc } of SETTINGS) {
      expect(doc, name).not.toMatch(/\.$/);
      expect(doc.length, name).toBeGreaterThan(20);
    }
  });

  it('knows words, numbers and switches by their schemas', () => {
    const shapes = Object.fromEntries(SETTINGS.map(({ name, schema }) => [name, shapeOf(schema)]));
    expect(shapes).toMatchObject({
      port: { kind: 'number', least: 0, most: 65_535 },
      storage: { kind: 'words', words: ['filesystem', 'r2'] },
      sync: { kind: 'switch' },
      'grace-seconds': { kind: 'number', least: 0, most: 7_776_000 },
      'location-hint': { kind: 'words' },
      'public-url': { kind: 'text' },
    });
  });
});

describe('the help', () => {
  const help = helpText();

  it('names every flag, each default, and no setting that has no flag', () => {
    for (const setting of SETTINGS) {
      const flag = defaultOf(setting) === 'on' && isSwitch(setting) ? `--no-${setting.name}` : `--${setting.name}`;
      expect(new RegExp(`^  ${flag}(?= |$)`, 'm').test(help), flag).toBe(setting.flag !== undefined);
    }
    for (const words of [
      '--port N',
      '(8787; 0 to 65535)',
      '(127.0.0.1)',
      '(.berth)',
      '--version',
      '--help, -h',
      'config -- check',
    ])
      expect(help.replaceAll(/\s+/g, ' ')).toContain(words);
  });

  it('begins with what everybody needs, and fits a terminal', () => {
    expect(help.indexOf('--port N')).toBeLessThan(help.indexOf('--grace-seconds'));
    for (const line of help.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
  });
});

describe('who comes from distribution', () => {
  it('is told what its variables are here', () => {
    const said = habitsOfDistribution({
      REGISTRY_HTTP_ADDR: ':5000',
      REGISTRY_AUTH_HTPASSWD_PATH: '/auth/htpasswd',
      REGISTRY_AUTH_TOKEN_REALM: 'https://auth.example',
      REGISTRY_HTTP_HEADERS_X: '1',
      REGISTRY_PASSWORD: 'somebody else',
      PATH: '/bin',
    });
    expect(said.map(({ path, message }) => `${path} ${message}`)).toEqual([
      "REGISTRY_HTTP_ADDR is a variable of distribution's, which Berth does not read. Here it is --host and --port.",
      expect.stringMatching(
        /^REGISTRY_AUTH_HTPASSWD_PATH .* Here it is --htpasswd, and who may do what is --policy\.$/,
      ),
      expect.stringMatching(/^REGISTRY_AUTH_TOKEN_REALM .* Here it is --token-server\.$/),
      expect.stringMatching(/^REGISTRY_HTTP_HEADERS_X .* docs\/compatibility-distribution\.md says/),
    ]);
  });
});
