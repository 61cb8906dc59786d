/** The worked example of docs/storage-drivers.md keeps the storage contract (test/object-server.ts is its server). */
import { env } from 'cloudflare:workers';
import { afterAll, expect } from 'vitest';
import { httpDriver } from '../../../examples/storage-driver/http-driver.ts';
import { storageContract } from './contract.ts';

/** Nobody resolves this name: the binding leads to one place. */
const SERVER = 'http://objects/';

storageContract('the worked example', () =>
  httpDriver((name, init) => env.TEST_OBJECTS.fetch(`${SERVER}${name}`, init)),
);

afterAll(async () => {
  const names = await (await env.TEST_OBJECTS.fetch(SERVER)).json();
  expect(names, 'left on the server').toEqual([]);
});
