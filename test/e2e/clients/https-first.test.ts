/**
 * Docker, podman, skopeo and buildah try HTTPS before they fall back to plain HTTP, each time they push or pull. A
 * server that waits for the end of a request's headers holds a TLS hello until that client gives up, 10 s later (Go's
 * handshake limit): every command works, and every command is 10 s late. So the answer must come by itself.
 */
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { registryUnderTest } from './registry-under-test.ts';
import type { RegistryUnderTest } from './registry-under-test.ts';

const TEST_LIMIT_MS = 120_000;
/** Far above what an answer takes and below the clients' 10 s. */
const PATIENCE_MS = 5_000;

let registry: RegistryUnderTest;

beforeAll(async () => {
  registry = await registryUnderTest();
}, TEST_LIMIT_MS);

afterAll(async () => {
  await registry.stop();
}, TEST_LIMIT_MS);

test(
  'a client that tries HTTPS first is turned away at once, so that it falls back to HTTP without a wait',
  { timeout: TEST_LIMIT_MS },
  async () => {
    expect(await outcomeOfHandshake(new URL(registry.url))).not.toBe('still waiting');
  },
);

/** How a TLS handshake with the registry ends: at once in either way, or not before the patience does. */
async function outcomeOfHandshake(url: URL): Promise<string> {
  return new Promise((resolve) => {
    const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
    const socket = connect({ host: url.hostname, port, servername: url.protocol === 'https:' ? url.hostname : '' });
    const patience = setTimeout(() => {
      finish('still waiting');
    }, PATIENCE_MS);
    const finish = (outcome: string): void => {
      clearTimeout(patience);
      socket.destroy();
      resolve(outcome);
    };
    socket.on('secureConnect', () => {
      finish('secure');
    });
    socket.on('error', () => {
      finish('refused');
    });
    socket.on('close', () => {
      finish('refused');
    });
  });
}
