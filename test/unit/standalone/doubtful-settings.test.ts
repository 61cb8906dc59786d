/** Settings that are right one by one and surprise together. */
import { expect, test } from 'vitest';
import { doubtsOf, plainAddress } from '../../../standalone/doubtful-settings.ts';
import { accessOf } from '../../../standalone/exposure.ts';
import { workerVariables } from '../../../standalone/settings/worker-variables.ts';
import { parseConfig } from '../../../src/config.ts';

const HTPASSWD = { BERTH_HTPASSWD: `alice:$2y$05$${'a'.repeat(53)}` };
const POLICY = { BERTH_POLICY: '{"rules":[]}' };
const SECRET = { BERTH_PROXY_SECRET: 's'.repeat(32) };
const TRUSTED = { BERTH_TRUSTED_PROXY: 'on' };
const ENDPOINTS = { BERTH_ENDPOINTS: '{"endpoints":[]}' };

function doubts(environment: Record<string, string>, { host = '0.0.0.0', speaksTls = false, asksWho = false } = {}) {
  const config = parseConfig(workerVariables({}, environment, host));
  return doubtsOf(config, accessOf(config, asksWho), { host, speaksTls });
}

const events = (...given: Parameters<typeof doubts>): string[] => doubts(...given).map(({ event }) => event);

test('clients that are sent to plain HTTP, on a port that speaks TLS, are told of with what to type', () => {
  const own = { publicUrl: 'http://registry.example', trustedProxy: false, proxySecrets: [] };
  expect(plainAddress(own).map(({ message }) => message)).toEqual([
    'BERTH_PUBLIC_URL sends clients to http://registry.example, and this port speaks TLS: let it begin with https://',
  ]);
  // A proxy that speaks TLS to Berth may well speak plain HTTP to clients.
  expect(plainAddress({ ...own, trustedProxy: true })).toEqual([]);
  expect(plainAddress({ ...own, proxySecrets: ['s'.repeat(32)] })).toEqual([]);
  expect(plainAddress({ ...own, publicUrl: 'https://registry.example' })).toEqual([]);
  expect(plainAddress({ ...own, publicUrl: undefined })).toEqual([]);
});

test('a proxy that everybody may claim to be, beside a secret that proves it, is doubtful', () => {
  expect(events({ ...TRUSTED, ...SECRET }, { host: '127.0.0.1' })).toEqual(['proxy-unproven']);
  expect(events(TRUSTED)).toEqual([]);
  expect(events(SECRET)).toEqual([]);
});

test('clients that come directly, and all of them through a proxy, cannot be', () => {
  const direct = { BERTH_DIRECT_CLIENTS: 'on' };
  expect(events({ ...TRUSTED, ...direct })).toEqual(['setting-ignored']);
  expect(events(direct)).toEqual([]);
  // What has not proven itself comes directly.
  expect(events({ ...SECRET, ...direct })).toEqual([]);
});

test('passwords in the clear on a network are doubtful, by whatever setting somebody signs in', () => {
  expect(events(HTPASSWD)).toEqual(['plain-passwords']);
  expect(events(POLICY)).toEqual(['plain-passwords']);
  expect(events({}, { asksWho: true })).toEqual(['plain-passwords']);
  expect(doubts(HTPASSWD)[0]?.message).toContain('--tls-cert and --tls-key');
});

test.each([
  ['nobody is known', {}, {}],
  ['everybody may pull, and nobody is known', { BERTH_ANONYMOUS: 'read' }, {}],
  ['this machine alone reaches it', HTPASSWD, { host: '127.0.0.1' }],
  ['the port speaks TLS', HTPASSWD, { speaksTls: true }],
  ['a trusted proxy is in front', { ...HTPASSWD, ...TRUSTED }, {}],
  ['a proxy with a secret is in front', { ...HTPASSWD, ...SECRET }, {}],
  ['clients reach it by https', { ...HTPASSWD, BERTH_PUBLIC_URL: 'https://registry.example' }, {}],
])('no password goes in the clear where %s', (_, environment, place) => {
  expect(events(environment, place)).toEqual([]);
});

test('endpoints for which nothing is written down are doubtful', () => {
  expect(events({ ...ENDPOINTS, BERTH_EVENTS: 'off' })).toEqual(['events-off']);
  expect(events(ENDPOINTS)).toEqual([]);
  expect(events({ BERTH_EVENTS: 'off' })).toEqual([]);
});
