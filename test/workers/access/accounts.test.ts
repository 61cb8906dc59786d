/** The object of accounts: what it says of a secret as time passes, owners change, and names go. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Credential, NewAccount, NewRobot, NewToken } from '../../../src/objects/accounts/messages.ts';
import { MIGRATIONS } from '../../../src/objects/accounts/schema.ts';
import { Database } from '../../../src/objects/database.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const START = Date.UTC(2040, 0, 1);

let accounts: DurableObjectStub<import('../../../src/worker.ts').Accounts>;
let made = 0;

beforeEach(() => {
  accounts = env.ACCOUNTS.get(env.ACCOUNTS.newUniqueId());
  vi.useFakeTimers({ toFake: ['Date'], now: START });
});
afterEach(() => {
  vi.useRealTimers();
});

function passTime(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

function newHash(): string {
  made += 1;
  return made.toString(16).padStart(64, '0');
}

async function account(name: string, more: Partial<NewAccount> = {}): Promise<string> {
  const secretHash = newHash();
  const { result } = await accounts.createAccount({ name, groups: [], isAdministrator: false, secretHash, ...more });
  expect(result.kind).toBe('created');
  return secretHash;
}

async function robot(name: string, more: Partial<NewRobot> = {}): Promise<string> {
  const secretHash = newHash();
  const limit = { repositories: ['team/**'], actions: ['pull'] } as const;
  const given = { name, description: '', limit, secretHash, expiresAt: undefined, ...more };
  expect((await accounts.createRobot(given)).result.kind).toBe('created');
  return secretHash;
}

async function find(secretHash: string): Promise<Credential | undefined> {
  return (await accounts.findBySecret(secretHash)).result;
}

async function idOf(secretHash: string): Promise<string> {
  return (await find(secretHash))?.id ?? 'none';
}

async function token(owner: string, more: Partial<NewToken> = {}) {
  const secretHash = newHash();
  const given = {
    owner,
    description: '',
    limit: undefined,
    opensAdmin: false,
    expiresAt: undefined,
    madeWith: undefined,
  };
  const { result } = await accounts.makeToken({ ...given, secretHash, ...more });
  return { secretHash, result };
}

async function refresh(owner: string, parent: string): Promise<{ secretHash: string; kind: string }> {
  const secretHash = newHash();
  const { result } = await accounts.makeRefresh({ owner, parent, service: 'berth.example', secretHash });
  return { secretHash, kind: result.kind };
}

describe('an account', () => {
  it('is found by its secret with what it is now: groups, and the mark of an administrator', async () => {
    const secret = await account('alice', { groups: ['builders'] });
    await accounts.changeAccount('alice', { groups: ['builders', 'github:acme'], isAdministrator: true });
    expect(await find(secret)).toMatchObject({
      kind: 'password',
      owner: { kind: 'user', name: 'alice', groups: ['builders', 'github:acme'], isAdministrator: true },
      limit: undefined,
      opensAdmin: false,
    });
    expect(await find(newHash())).toBeUndefined();
  });

  it('that is disabled has no secret that counts, and has its tokens back later but not its refresh tokens', async () => {
    const secret = await account('alice');
    const { secretHash: personal } = await token('alice');
    const { secretHash: renewable } = await refresh('alice', await idOf(secret));
    await accounts.changeAccount('alice', { isDisabled: true });
    for (const hash of [secret, personal, renewable]) expect(await find(hash)).toBeUndefined();
    await accounts.changeAccount('alice', { isDisabled: false });
    expect(await find(secret)).toBeDefined();
    expect(await find(personal)).toBeDefined();
    expect(await find(renewable)).toBeUndefined();
  });

  it('that is deleted takes every secret along, and its name is not given again for 90 days', async () => {
    const secret = await account('alice');
    const { secretHash: personal } = await token('alice');
    expect((await accounts.remove('user', 'alice')).result).toBe(true);
    expect((await accounts.remove('user', 'alice')).result).toBe(false);
    expect([await find(secret), await find(personal)]).toEqual([undefined, undefined]);
    const again = { name: 'alice', groups: [], isAdministrator: false };
    passTime(90 * DAY_MS - 1);
    const { result } = await accounts.createAccount({ ...again, secretHash: newHash() });
    expect(result).toEqual({ kind: 'retired', until: START + 90 * DAY_MS });
    passTime(1);
    await account('alice');
    expect(await find(personal)).toBeUndefined();
  });

  it('is one of its name, however many ask at once, and a robot may have the same one', async () => {
    const ask = () =>
      accounts.createAccount({ name: 'alice', groups: [], isAdministrator: false, secretHash: newHash() });
    const kinds = (await Promise.all([ask(), ask(), ask()])).map(({ result }) => result.kind);
    expect(kinds.sort()).toEqual(['created', 'exists', 'exists']);
    await robot('alice');
  });

  it('has a new password at once when it is renewed, and the refresh tokens of the old one are gone', async () => {
    const old = await account('alice');
    const { secretHash: renewable } = await refresh('alice', await idOf(old));
    const { secretHash: personal } = await token('alice', { madeWith: await idOf(old) });
    const renewed = newHash();
    expect((await accounts.renewPassword('alice', renewed)).result).toBe(true);
    expect([await find(old), await find(renewable)]).toEqual([undefined, undefined]);
    expect(await find(renewed)).toMatchObject({ kind: 'password' });
    expect(await find(personal)).toMatchObject({ kind: 'token' });
  });
});

describe('a robot', () => {
  it('has its own repositories and actions, as they are now', async () => {
    const secret = await robot('ci');
    const limit = { repositories: ['team/app'], actions: ['pull', 'push'] } as const;
    await accounts.changeRobot('ci', limit);
    expect(await find(secret)).toMatchObject({ kind: 'robot', owner: { kind: 'robot', name: 'ci' }, limit });
  });

  it('ends when its secret expires, and begins again with a new one', async () => {
    const secret = await robot('ci', { expiresAt: START + HOUR_MS });
    passTime(HOUR_MS - 1);
    expect(await find(secret)).toBeDefined();
    passTime(1);
    expect(await find(secret)).toBeUndefined();
    const renewed = newHash();
    await accounts.renewRobot('ci', renewed, undefined);
    expect(await find(renewed)).toMatchObject({ kind: 'robot', expiresAt: undefined });
  });
});

describe('a refresh token', () => {
  it('is for one service and ends after 90 days', async () => {
    const { secretHash } = await refresh('alice', await idOf(await account('alice')));
    expect(await find(secretHash)).toMatchObject({ kind: 'refresh', service: 'berth.example' });
    passTime(90 * DAY_MS);
    expect(await find(secretHash)).toBeUndefined();
  });

  it('is not made of what is gone, expired, or of somebody else', async () => {
    const alice = await idOf(await account('alice'));
    await account('bob');
    expect((await refresh('bob', alice)).kind).toBe('parent-gone');
    await accounts.renewPassword('alice', newHash());
    expect((await refresh('alice', alice)).kind).toBe('parent-gone');
    expect((await refresh('alice', 'no such id')).kind).toBe('parent-gone');
  });

  it('inherits the limit and the end of what it was got for', async () => {
    await account('alice');
    const limit = { repositories: ['team/app'], actions: ['pull'] } as const;
    const { secretHash: parent } = await token('alice', { limit, expiresAt: START + DAY_MS });
    const { secretHash } = await refresh('alice', await idOf(parent));
    expect(await find(secretHash)).toMatchObject({ limit, expiresAt: START + DAY_MS, parent: await idOf(parent) });
  });

  it('is one of at most 100: the oldest goes', async () => {
    const parent = await idOf(await account('alice'));
    const hashes: string[] = [];
    for (let count = 0; count < 102; count += 1) {
      passTime(1);
      hashes.push((await refresh('alice', parent)).secretHash);
    }
    const found = await Promise.all(hashes.map(async (hash) => (await find(hash)) !== undefined));
    expect(found).toEqual(hashes.map((_hash, index) => index >= 2));
  });

  it('of a line of htpasswd says which line, and is no account of the same name', async () => {
    await account('carol', { groups: ['staff'], isAdministrator: true });
    const { secretHash, kind } = await refresh('carol', 'htpasswd:carol:0123abcd');
    expect(kind).toBe('made');
    expect(await find(secretHash)).toMatchObject({
      parent: 'htpasswd:carol:0123abcd',
      owner: { kind: 'user', name: 'carol', groups: [], isAdministrator: false },
    });
  });
});

describe('a personal access token', () => {
  const limit = { repositories: ['team/**'], actions: ['pull', 'push'] } as const;

  it('that is made with another is no wider, ends no later, and dies with it', async () => {
    await account('alice');
    const { secretHash: outer } = await token('alice', { limit, expiresAt: START + DAY_MS });
    const madeWith = await idOf(outer);
    const wide = { repositories: ['other/app'], actions: ['pull'] } as const;
    expect((await token('alice', { madeWith, limit: wide })).result).toEqual({ kind: 'too-wide', what: 'limit' });
    const deletes = { repositories: ['team/app'], actions: ['delete'] } as const;
    expect((await token('alice', { madeWith, limit: deletes })).result).toEqual({ kind: 'too-wide', what: 'limit' });
    expect((await token('alice', { madeWith, opensAdmin: true })).result).toEqual({ kind: 'too-wide', what: 'admin' });
    const { secretHash: middle } = await token('alice', { madeWith });
    expect(await find(middle)).toMatchObject({ limit, expiresAt: START + DAY_MS });
    const narrow = { repositories: ['team/app'], actions: ['pull'] } as const;
    const { secretHash: inner } = await token('alice', { madeWith: await idOf(middle), limit: narrow });
    expect(await find(inner)).toMatchObject({ limit: narrow });
    expect((await accounts.revokeToken('alice', madeWith, undefined)).result).toBe(true);
    for (const hash of [outer, middle, inner]) expect(await find(hash)).toBeUndefined();
  });

  it('is not made with what was revoked a moment before, nor with somebody else’s', async () => {
    await account('alice');
    const bob = await idOf(await account('bob'));
    const madeWith = await idOf((await token('alice')).secretHash);
    await accounts.revokeToken('alice', madeWith, undefined);
    expect((await token('alice', { madeWith })).result).toEqual({ kind: 'maker-gone' });
    expect((await token('alice', { madeWith: bob })).result).toEqual({ kind: 'maker-gone' });
  });

  it('opens the admin API for an administrator only, and not again when its owner becomes one another time', async () => {
    await account('alice');
    expect((await token('alice', { opensAdmin: true })).result).toEqual({ kind: 'too-wide', what: 'admin' });
    await accounts.changeAccount('alice', { isAdministrator: true });
    const { secretHash } = await token('alice', { opensAdmin: true });
    expect(await find(secretHash)).toMatchObject({ opensAdmin: true });
    await accounts.changeAccount('alice', { isAdministrator: false });
    await accounts.changeAccount('alice', { isAdministrator: true });
    expect(await find(secretHash)).toMatchObject({ opensAdmin: false });
  });

  it('is one of at most 100', async () => {
    await account('alice');
    for (let count = 0; count < 100; count += 1) await token('alice');
    expect((await token('alice')).result).toEqual({ kind: 'full', most: 100 });
    const [first] = (await accounts.listTokens('alice', undefined)).result ?? [];
    await accounts.revokeToken('alice', first?.id ?? '', undefined);
    expect((await token('alice')).result.kind).toBe('made');
  });

  it('is written to once a day, however often it is used', async () => {
    await account('alice');
    const { secretHash } = await token('alice');
    const day = START / DAY_MS;
    const used = async () => (await accounts.listTokens('alice', undefined)).result?.[0]?.lastUsedDay;
    expect(await used()).toBeUndefined();
    const written = async () =>
      runInDurableObject(accounts, (_object, { storage }) => {
        const before = storage.sql.exec('SELECT total_changes() AS n').one()['n'];
        return Number(before);
      });
    await find(secretHash);
    const before = await written();
    for (let count = 0; count < 5; count += 1) await find(secretHash);
    expect(await written()).toBe(before);
    expect(await used()).toBe(day);
    passTime(DAY_MS);
    await find(secretHash);
    expect(await used()).toBe(day + 1);
  });
});

describe('signing keys', () => {
  it('are made once, however many ask first, and are public without their private part', async () => {
    const snapshots = await Promise.all([accounts.snapshot(), accounts.snapshot(), accounts.snapshot()]);
    const kids = new Set(snapshots.map(({ result }) => result.signingKey.kid));
    expect(kids.size).toBe(1);
    const [{ result }] = snapshots;
    expect(result.signingKey.jwk.d).toBeTypeOf('string');
    expect(result.publicKeys.map(({ kid }) => kid)).toEqual([...kids]);
    expect(JSON.stringify(result.publicKeys)).not.toContain('"d"');
  });

  it('are renewed after 30 days: known first, then signing, and the old one known while its tokens live', async () => {
    const keys = async () => {
      const { signingKey, publicKeys } = (await accounts.snapshot()).result;
      return { signing: signingKey.kid, known: publicKeys.map(({ kid }) => kid) };
    };
    const { signing: old } = await keys();
    passTime(30 * DAY_MS);
    const announced = await keys();
    expect(announced.signing).toBe(old);
    expect(announced.known).toHaveLength(2);
    passTime(120_000);
    const { signing, known } = await keys();
    expect(signing).not.toBe(old);
    expect(known).toEqual([signing, old]);
    passTime(7 * HOUR_MS - 1);
    expect((await keys()).known).toEqual([signing, old]);
    passTime(1);
    expect((await keys()).known).toEqual([signing]);
  });

  it('are there still when a clock that was months ahead is right again', async () => {
    const { signingKey: first } = (await accounts.snapshot()).result;
    passTime(90 * DAY_MS);
    await accounts.snapshot();
    passTime(90 * DAY_MS);
    const { signingKey: ahead, publicKeys } = (await accounts.snapshot()).result;
    expect(publicKeys.map(({ kid }) => kid)).not.toContain(first.kid);
    passTime(-180 * DAY_MS);
    expect((await accounts.snapshot()).result.signingKey.kid).toBe(ahead.kid);
  });

  it('are renewed by hand, softly or so that every old one is void at once', async () => {
    const first = (await accounts.snapshot()).result.signingKey.kid;
    const soft = (await accounts.rotateKeys(false)).result;
    expect(soft).toMatchObject({ kind: 'rotated', signsFrom: START + 120_000 });
    expect((await accounts.snapshot()).result.signingKey.kid).toBe(first);
    const hard = (await accounts.rotateKeys(true)).result;
    const { signingKey, publicKeys } = (await accounts.snapshot()).result;
    expect(hard).toMatchObject({ kind: 'rotated', kid: signingKey.kid, signsFrom: START });
    expect(publicKeys.map(({ kid }) => kid)).toEqual([signingKey.kid]);
    for (let count = 0; count < 9; count += 1) await accounts.rotateKeys(false);
    expect((await accounts.rotateKeys(false)).result).toEqual({ kind: 'too-many' });
  });
});

describe('the policy', () => {
  it('is changed by whoever has seen the version that counts, and by nobody else', async () => {
    expect((await accounts.putPolicy('{}', 'a', 1)).result).toEqual({ kind: 'conflict', current: undefined });
    expect((await accounts.putPolicy('{}', 'a', 'any')).result).toEqual({ kind: 'conflict', current: undefined });
    expect((await accounts.putPolicy('{"first":1}', 'a', 'none')).result).toEqual({ kind: 'stored', version: 1 });
    expect((await accounts.putPolicy('{}', 'a', 'none')).result).toEqual({ kind: 'conflict', current: 1 });
    const race = await Promise.all(['b', 'c', 'd'].map((by) => accounts.putPolicy(`{"by":"${by}"}`, by, 1)));
    expect(race.filter(({ result }) => result.kind === 'stored')).toHaveLength(1);
    expect((await accounts.snapshot()).result.policy?.version).toBe(2);
  });

  it('keeps its last 20 versions', async () => {
    for (let version = 1; version <= 25; version += 1) {
      await accounts.putPolicy(`{"n":${version}}`, 'a', version === 1 ? 'none' : 'any');
    }
    const versions = (await accounts.listPolicies()).result.map(({ version }) => version);
    expect(versions).toEqual(Array.from({ length: 20 }, (_unused, index) => 25 - index));
    expect((await accounts.getPolicy(6)).result).toMatchObject({ document: '{"n":6}', madeBy: 'a', madeAt: START });
    expect((await accounts.getPolicy(5)).result).toBeUndefined();
  });
});

describe('the object', () => {
  it('that knows nobody has written nothing when it was asked for a secret', async () => {
    expect(await find(newHash())).toBeUndefined();
    expect((await accounts.listAccounts('', 10)).result).toEqual([]);
    const tables = await runInDurableObject(accounts, (_object, { storage }) =>
      storage.sql.exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'").toArray(),
    );
    expect(tables).toEqual([]);
  });

  it('says whether it ever knew anybody: to delete the last one opens nothing again', async () => {
    expect((await accounts.snapshot()).result.hasAccounts).toBe(false);
    await robot('ci');
    expect((await accounts.snapshot()).result.hasAccounts).toBe(true);
    await accounts.remove('robot', 'ci');
    expect((await accounts.snapshot()).result.hasAccounts).toBe(true);
  });

  it.each([
    ['nobody', '', false],
    ['a robot that was deleted', 'INSERT INTO asks_who VALUES (1)', true],
    ['a robot', "INSERT INTO robots VALUES ('ci', '', '{}', 0, 5)", true],
  ])('of an older schema says the same of whom it knew: %s', async (_, written, hasAccounts) => {
    await runInDurableObject(accounts, (_object, { storage }) => {
      new Database(storage, 'Accounts', MIGRATIONS.slice(0, 1)).ensure();
      if (written.includes('asks_who')) storage.sql.exec('CREATE TABLE asks_who (since INTEGER PRIMARY KEY) STRICT');
      if (written !== '') storage.sql.exec(written);
    });
    await evictDurableObject(accounts);
    expect((await accounts.snapshot()).result.hasAccounts).toBe(hasAccounts);
    await robot('later');
    expect((await accounts.snapshot()).result.hasAccounts).toBe(true);
  });

  it('drops expired credentials when it next writes', async () => {
    await account('alice');
    await token('alice', { expiresAt: START + 1 });
    passTime(1);
    await token('alice');
    const left = await runInDurableObject(accounts, (_object, { storage }) =>
      storage.sql.exec("SELECT count(*) AS n FROM credentials WHERE kind = 'token'").one(),
    );
    expect(left).toEqual({ n: 1 });
  });
});
