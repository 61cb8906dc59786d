/** What an isolate believes of access, and for how long. The clock is set; the object of accounts is one that counts. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Known, type AccountsReader } from '../../../src/http/access/known.ts';
import type { AccessSnapshot, Credential } from '../../../src/objects/accounts/messages.ts';
import { RegistryError } from '../../../src/oci/error.ts';

const SECOND = 1_000;
const START = Date.UTC(2026, 10, 1);

const CREDENTIAL: Credential = {
  id: 'c1',
  kind: 'token',
  owner: { kind: 'user', name: 'alice', groups: [], isAdministrator: false },
  limit: undefined,
  expiresAt: undefined,
  opensAdmin: false,
  service: undefined,
  parent: undefined,
};

/** What the object would answer, and how often it was asked. */
class Accounts implements AccountsReader {
  version = 1;
  credentials = new Map<string, Credential>([['s1', CREDENTIAL]]);
  isDown = false;
  calls = 0;

  async snapshot(): Promise<AccessSnapshot> {
    this.#called();
    return {
      hasAccounts: true,
      policy: { version: this.version, document: '{}' },
      signingKey: { kid: 'k', jwk: {} },
      publicKeys: [],
    };
  }

  async findBySecret(hash: string): Promise<Credential | undefined> {
    this.#called();
    return this.credentials.get(hash);
  }

  async findById(id: string): Promise<Credential | undefined> {
    this.#called();
    return [...this.credentials.values()].find((credential) => credential.id === id);
  }

  #called(): void {
    this.calls += 1;
    if (this.isDown) throw new Error('the object is down');
  }
}

let accounts: Accounts;
let known: Known;
let held: Promise<unknown>[];
const asking = () => ({ accounts, later: accounts, hold: (work: Promise<unknown>) => void held.push(work) });
/** What goes on after the answers is done. */
const settle = () => Promise.all(held.splice(0));
const after = (seconds: number) => vi.setSystemTime(START + seconds * SECOND);
const version = async () => (await known.snapshot(asking())).policy?.version;
const bySecret = (hash = 's1') => known.bySecret(hash, asking());

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: START });
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  accounts = new Accounts();
  known = new Known();
  held = [];
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe('the snapshot', () => {
  it('is asked for once, and believed for half a minute without a call', async () => {
    for (const seconds of [0, 1, 29]) {
      after(seconds);
      expect(await version()).toBe(1);
    }
    expect(accounts.calls).toBe(1);
  });

  it('is renewed in the background from half a minute on, while nobody waits', async () => {
    await version();
    accounts.version = 2;
    after(31);
    expect(await version()).toBe(1);
    await settle();
    expect(await version()).toBe(2);
    expect(accounts.calls).toBe(2);
  });

  it('is waited for after a minute', async () => {
    await version();
    accounts.version = 2;
    after(61);
    expect(await version()).toBe(2);
  });

  it('is believed for its minute while it cannot be renewed, and then nobody comes in', async () => {
    await version();
    accounts.isDown = true;
    for (const seconds of [31, 45, 60]) {
      after(seconds);
      expect(await version()).toBe(1);
      await settle();
    }
    after(61);
    const refusal = await version().catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(RegistryError);
    expect(refusal).toMatchObject({ code: 'UNAVAILABLE', status: 503, headers: { 'retry-after': '1' } });
    accounts.isDown = false;
    expect(await version()).toBe(1);
  });

  it('counts its age from when it was asked for', async () => {
    await version();
    after(31);
    const slow = Promise.withResolvers<AccessSnapshot>();
    vi.spyOn(accounts, 'snapshot').mockReturnValueOnce(slow.promise);
    await version();
    after(55);
    slow.resolve(await accounts.snapshot());
    await settle();
    const before = accounts.calls;
    // 31 s after it was asked for, and 7 after it came.
    after(62);
    await version();
    await settle();
    expect(accounts.calls).toBe(before + 1);
  });

  it('is asked for again when a renewal went away with its request', async () => {
    await version();
    after(31);
    vi.spyOn(accounts, 'snapshot').mockReturnValueOnce(new Promise(() => undefined));
    await version();
    held = [];
    after(35);
    await version();
    expect(accounts.calls).toBe(1);
    after(42);
    await version();
    await settle();
    expect(accounts.calls).toBe(2);
  });

  it('that is older than now by a clock that was set back is not believed', async () => {
    await version();
    after(-10);
    await version();
    expect(accounts.calls).toBe(2);
  });

  it('costs few calls when a thousand requests come at once', async () => {
    await Promise.all(Array.from({ length: 1_000 }, () => version()));
    expect(accounts.calls).toBeLessThanOrEqual(2);
  });
});

describe('a credential', () => {
  it('is looked up once, and believed for half a minute without a call', async () => {
    for (const seconds of [0, 1, 29]) {
      after(seconds);
      expect((await bySecret())?.id).toBe('c1');
      expect((await known.byId('c1', asking()))?.id).toBe('c1');
    }
    expect(accounts.calls).toBe(2);
  });

  it('that is revoked is gone after a minute at most, and after half of it where it is in use', async () => {
    await bySecret();
    accounts.credentials.clear();
    after(31);
    expect(await bySecret()).toBeDefined();
    await settle();
    expect(await bySecret()).toBeUndefined();

    accounts.credentials.set('s1', CREDENTIAL);
    await bySecret();
    accounts.credentials.clear();
    after(92);
    expect(await bySecret()).toBeUndefined();
  });

  it('that expires is gone at that moment', async () => {
    accounts.credentials.set('s1', { ...CREDENTIAL, expiresAt: START + 10 * SECOND });
    expect(await bySecret()).toBeDefined();
    after(10);
    expect(await bySecret()).toBeUndefined();
    expect(accounts.calls).toBe(1);
  });

  it('that was unknown is asked for again each time', async () => {
    expect(await bySecret('s2')).toBeUndefined();
    accounts.credentials.set('s2', { ...CREDENTIAL, id: 'c2' });
    expect((await bySecret('s2'))?.id).toBe('c2');
  });

  it('is not let in when it cannot be looked up', async () => {
    accounts.isDown = true;
    await expect(bySecret()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('makes room for others when there are too many', async () => {
    for (let index = 0; index < 5_001; index += 1) {
      accounts.credentials.set(`n${String(index)}`, CREDENTIAL);
      await bySecret(`n${String(index)}`);
      // In use all the time.
      await bySecret('n0');
    }
    const before = accounts.calls;
    await bySecret('n0');
    expect(accounts.calls).toBe(before);
    await bySecret('n1');
    expect(accounts.calls).toBe(before + 1);
  });
});

describe('what an isolate changed itself', () => {
  it('is seen by it at once, and by calls that were under way never as it was before', async () => {
    await version();
    const slow = Promise.withResolvers<AccessSnapshot>();
    after(31);
    const old = await accounts.snapshot();
    vi.spyOn(accounts, 'snapshot').mockReturnValueOnce(slow.promise);
    await version();
    accounts.version = 2;
    known.forget();
    expect(await version()).toBe(2);
    slow.resolve(old);
    await settle();
    expect(await version()).toBe(2);
  });
});

it('is not older than a minute when somebody revokes a credential of their own while it is asked for', async () => {
  await known.snapshot(asking());
  after(3_600);
  accounts.version = 2;
  const asked = known.snapshot(asking());
  known.forgetOwner('alice');
  expect((await asked).policy?.version).toBe(2);
  expect((await known.snapshot(asking())).policy?.version).toBe(2);
});
