/**
 * Everybody whom this registry knows by itself, and what it says of access: accounts, robots, credentials, signing keys and
 * the versions of the policy. One object, so that whoever is told "revoked" is told so after it holds. Isolates keep what
 * they were answered for a minute (ADR 10), so that the way of a pull asks nothing here, and writes a day of use at most.
 */
import { DurableObject } from 'cloudflare:workers';
import { isWithin } from '../../auth/limit.ts';
import type { Limit } from '../../auth/principal.ts';
import { WorkMeter, type Answer } from '../../observability/work.ts';
import { Database } from '../database.ts';
import { Credentials, MOST_TOKENS, type NewCredential } from './credentials.ts';
import { isOfLine } from './messages.ts';
import type {
  AccessSnapshot,
  AccountChange,
  AccountView,
  CreateResult,
  Credential,
  ExpectedVersion,
  MakeRefreshResult,
  MakeTokenResult,
  NewAccount,
  NewRefresh,
  NewRobot,
  NewToken,
  OwnerKind,
  PolicyVersion,
  PutPolicyResult,
  RobotChange,
  RobotView,
  RotateResult,
  StoredPolicy,
  TokenOwnerKind,
  TokenView,
} from './messages.ts';
import { Owners } from './owners.ts';
import { Policies } from './policies.ts';
import { MIGRATIONS } from './schema.ts';
import { SigningKeys } from './signing-keys.ts';

export class Accounts extends DurableObject<Env> {
  readonly #database: Database;
  readonly #credentials: Credentials;
  readonly #owners: Owners;
  readonly #keys: SigningKeys;
  readonly #policies: Policies;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#database = new Database(ctx.storage, 'Accounts', MIGRATIONS);
    this.#credentials = new Credentials(this.#database);
    this.#owners = new Owners(this.#database, this.#credentials);
    this.#keys = new SigningKeys(this.#database);
    this.#policies = new Policies(this.#database);
  }

  async snapshot(): Promise<Answer<AccessSnapshot>> {
    const now = Date.now();
    this.#database.ensure();
    await this.#keys.renew(now);
    const policy = this.#policies.get();
    return answer({
      hasAccounts: this.#owners.everAny(),
      policy: policy && { version: policy.version, document: policy.document },
      ...this.#keys.current(now),
    });
  }

  /** @param secretHash SHA-256 in hex (auth/secret.ts: hashOf) */
  findBySecret(secretHash: string): Answer<Credential | undefined> {
    return answer(this.#database.opened() ? this.#credentials.findBySecret(secretHash, Date.now()) : undefined);
  }

  findById(id: string): Answer<Credential | undefined> {
    return answer(this.#database.opened() ? this.#credentials.findById(id, Date.now()) : undefined);
  }

  makeRefresh(refresh: NewRefresh): Answer<MakeRefreshResult> {
    this.#database.ensure();
    const id = this.#database.transaction(() => this.#credentials.addRefresh(refresh, Date.now()));
    return answer(id === undefined ? { kind: 'parent-gone' } : { kind: 'made', id });
  }

  listAccounts(after: string, limit: number): Answer<AccountView[]> {
    return answer(this.#database.opened() ? this.#owners.accounts(after, limit) : []);
  }

  getAccount(name: string): Answer<AccountView | undefined> {
    return answer(this.#database.opened() ? this.#owners.account(name) : undefined);
  }

  createAccount(account: NewAccount): Answer<CreateResult<AccountView>> {
    this.#database.ensure();
    return answer(this.#owners.createAccount(account, Date.now()));
  }

  changeAccount(name: string, change: AccountChange): Answer<AccountView | undefined> {
    return answer(this.#database.opened() ? this.#owners.changeAccount(name, change) : undefined);
  }

  renewPassword(name: string, secretHash: string): Answer<boolean> {
    return answer(this.#database.opened() && this.#owners.renewPassword(name, secretHash, Date.now()));
  }

  listRobots(after: string, limit: number): Answer<RobotView[]> {
    return answer(this.#database.opened() ? this.#owners.robots(after, limit) : []);
  }

  getRobot(name: string): Answer<RobotView | undefined> {
    return answer(this.#database.opened() ? this.#owners.robot(name) : undefined);
  }

  createRobot(robot: NewRobot): Answer<CreateResult<RobotView>> {
    this.#database.ensure();
    return answer(this.#owners.createRobot(robot, Date.now()));
  }

  changeRobot(name: string, change: RobotChange): Answer<RobotView | undefined> {
    return answer(this.#database.opened() ? this.#owners.changeRobot(name, change) : undefined);
  }

  renewRobot(name: string, secretHash: string, expiresAt: number | undefined): Answer<RobotView | undefined> {
    if (!this.#database.opened()) return answer(undefined);
    return answer(this.#owners.renewRobot(name, secretHash, expiresAt, Date.now()));
  }

  /** The account or robot, with every credential. False where there is none of that name. */
  remove(kind: OwnerKind, name: string): Answer<boolean> {
    return answer(this.#database.opened() && this.#owners.remove(kind, name, Date.now()));
  }

  /** `within`: only that token of the owner's, and what was made with it. `undefined` without such an account. */
  listTokens(
    owner: string,
    within: string | undefined,
    ownerKind: TokenOwnerKind = 'user',
  ): Answer<TokenView[] | undefined> {
    if (!this.#database.opened()) return answer(ownerKind === 'user' ? undefined : []);
    if (ownerKind === 'user' && this.#owners.account(owner) === undefined) return answer(undefined);
    return answer(this.#credentials.tokens(owner, within, Date.now(), ownerKind));
  }

  makeToken(token: NewToken): Answer<MakeTokenResult> {
    this.#database.ensure();
    const ofLine = isOfLine({ parent: token.madeWith });
    const make = (now: number) => (ofLine ? this.#makeTokenOfLine(token, now) : this.#makeToken(token, now));
    return answer(this.#database.transaction(() => make(Date.now())));
  }

  /** With all that was made with it. False where the owner has no such token, or none `within` another. */
  revokeToken(
    owner: string,
    id: string,
    within: string | undefined,
    ownerKind: TokenOwnerKind = 'user',
  ): Answer<boolean> {
    if (!this.#database.opened()) return answer(false);
    return answer(
      this.#database.transaction(() => {
        const isThere = this.#credentials.tokens(owner, within, Date.now(), ownerKind).some((token) => token.id === id);
        if (isThere) this.#credentials.revoke(id);
        return isThere;
      }),
    );
  }

  /** The policy that counts, or an older version of it. */
  getPolicy(version?: number): Answer<StoredPolicy | undefined> {
    return answer(this.#database.opened() ? this.#policies.get(version) : undefined);
  }

  listPolicies(): Answer<PolicyVersion[]> {
    return answer(this.#database.opened() ? this.#policies.versions() : []);
  }

  putPolicy(document: string, madeBy: string, expected: ExpectedVersion): Answer<PutPolicyResult> {
    this.#database.ensure();
    return answer(this.#policies.put(document, madeBy, expected, Date.now()));
  }

  async rotateKeys(forgetOld: boolean): Promise<Answer<RotateResult>> {
    this.#database.ensure();
    return answer(await this.#keys.rotate(forgetOld, Date.now()));
  }

  /** What a token makes is bounded by it and dies with it; what a password makes stays when that is renewed. */
  #makeToken({ owner, madeWith, ...wanted }: NewToken, now: number): MakeTokenResult {
    const account = this.#owners.account(owner);
    if (account === undefined) return { kind: 'no-owner' };
    const maker = madeWith === undefined ? undefined : this.#credentials.findById(madeWith, now);
    const isOwn = maker?.owner.kind === 'user' && maker.owner.name === owner && !isOfLine(maker);
    if (madeWith !== undefined && !isOwn) return { kind: 'maker-gone' };
    const byToken = maker !== undefined && maker.kind !== 'password';
    if (wanted.opensAdmin && (byToken || !account.isAdministrator)) return { kind: 'too-wide', what: 'admin' };
    const limit = narrowed(wanted.limit, maker?.limit);
    if (limit === 'too-wide') return { kind: 'too-wide', what: 'limit' };
    if (this.#credentials.tokens(owner, undefined, now).length >= MOST_TOKENS)
      return { kind: 'full', most: MOST_TOKENS };
    const ends = Math.min(wanted.expiresAt ?? Infinity, maker?.expiresAt ?? Infinity);
    const expiresAt = ends === Infinity ? undefined : ends;
    const parent = byToken ? maker.id : undefined;
    return this.#addToken({ ...wanted, limit, expiresAt, ownerKind: 'user', owner, parent }, now);
  }

  /** For somebody with a line of htpasswd, who showed its password; the line is what it dies with. */
  #makeTokenOfLine({ owner, madeWith: parent = '', ...wanted }: NewToken, now: number): MakeTokenResult {
    if (wanted.opensAdmin) return { kind: 'too-wide', what: 'admin' };
    this.#credentials.dropDeadTokens(owner, parent);
    if (this.#credentials.tokens(owner, undefined, now, 'htpasswd').length >= MOST_TOKENS)
      return { kind: 'full', most: MOST_TOKENS };
    return this.#addToken({ ...wanted, ownerKind: 'htpasswd', owner, parent }, now);
  }

  #addToken(token: Omit<NewCredential, 'kind'> & Omit<NewToken, 'madeWith'>, now: number): MakeTokenResult {
    const id = this.#credentials.add({ ...token, kind: 'token' }, now);
    const { description, limit, opensAdmin, expiresAt } = token;
    return {
      kind: 'made',
      token: { id, description, limit, opensAdmin, createdAt: now, expiresAt, lastUsedDay: undefined },
    };
  }
}

/** The limit of what a token makes: its own one where no narrower is asked for. */
function narrowed(wanted: Limit | undefined, own: Limit | undefined): Limit | undefined | 'too-wide' {
  if (own === undefined) return wanted;
  if (wanted === undefined) return own;
  return isWithin(wanted, own) ? wanted : 'too-wide';
}

function answer<T>(result: T): Answer<T> {
  return new WorkMeter().answer(result);
}
