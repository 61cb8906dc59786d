/**
 * The table of routes, each with the right that it needs. The right is checked before the handler runs; a route without
 * one does not compile. Names may hold slashes, so `:name+` is greedy; what it matched is parsed before it is used.
 */
import type { Right } from '../auth/decision.ts';
import type { PersonContext } from './account/person.ts';
import { createOwnToken, listOwnTokens, revokeOwnToken } from './account/tokens.ts';
import { createAccountToken, listAccountTokens, revokeAccountToken } from './admin/account-tokens.ts';
import {
  changeAccount,
  createAccount,
  deleteAccount,
  getAccount,
  listAccounts,
  renewPassword,
} from './admin/accounts.ts';
import type { AdminContext } from './admin/administrator.ts';
import { listDeadLetters, listDeliveries, pingEndpoint, replayEvents } from './admin/deliveries.ts';
import { deleteEndpoint, getEndpoint, listEndpoints, putEndpoint } from './admin/endpoints.ts';
import { streamEvents } from './admin/event-stream.ts';
import { listEvents } from './admin/events.ts';
import { explainAccess } from './admin/explain.ts';
import { rotateKeys } from './admin/keys.ts';
import { getPolicy, listPolicies, putPolicy } from './admin/policy.ts';
import { changeRobot, createRobot, deleteRobot, getRobot, listRobots, renewRobot } from './admin/robots.ts';
import { base, health } from './base.ts';
import { deleteBlob, getBlob } from './blobs.ts';
import { listRepositories } from './catalog.ts';
import type { Context, RepositoryContext, SignInContext } from './context.ts';
import { deleteManifest, getManifest, putManifest } from './manifests.ts';
import { listReferrers } from './referrers.ts';
import { listTags } from './tags.ts';
import { getKeys } from './token/keys.ts';
import { getToken, postToken } from './token/token.ts';
import { appendToUpload, cancelUpload, closeUpload, getUpload, openUpload } from './uploads.ts';

export type Method = 'GET' | 'HEAD' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';

interface RouteBase {
  /** What the log calls it. */
  name: string;
  method: Method | readonly Method[];
  path: string;
}

/** A right that is no repository's. */
type GeneralRight = 'ping' | 'catalog';

/**
 * `anyone`: answers without authentication and tells nothing. `sign-in`: answers without authentication, and looks at the
 * credentials itself. `admin` and `own-tokens` are nobody's by policy: see admin/administrator.ts and account/person.ts.
 */
export type Route =
  | (RouteBase & { right: 'anyone' | GeneralRight; handler: (context: Context) => Response | Promise<Response> })
  | (RouteBase & { right: 'sign-in'; handler: (context: SignInContext) => Response | Promise<Response> })
  | (RouteBase & { right: 'admin'; handler: (context: AdminContext) => Response | Promise<Response> })
  | (RouteBase & { right: 'own-tokens'; handler: (context: PersonContext) => Response | Promise<Response> })
  | (RouteBase & {
      right: Exclude<Right, GeneralRight>;
      handler: (context: RepositoryContext) => Response | Promise<Response>;
    });

const READ = ['GET', 'HEAD'] as const;

export const ROUTES: readonly Route[] = [
  { name: 'health', method: READ, path: '/', right: 'anyone', handler: health },
  { name: 'health', method: READ, path: '/healthz', right: 'anyone', handler: health },
  { name: 'token', method: 'GET', path: '/token', right: 'sign-in', handler: getToken },
  { name: 'token', method: 'POST', path: '/token', right: 'sign-in', handler: postToken },
  { name: 'keys', method: READ, path: '/.well-known/jwks.json', right: 'sign-in', handler: getKeys },
  { name: 'base', method: READ, path: '/v2/', right: 'ping', handler: base },
  { name: 'catalog', method: READ, path: '/v2/_catalog', right: 'catalog', handler: listRepositories },
  { name: 'tags', method: READ, path: '/v2/:name+/tags/list', right: 'pull', handler: listTags },
  { name: 'manifest', method: READ, path: '/v2/:name+/manifests/:reference', right: 'pull', handler: getManifest },
  { name: 'manifest', method: 'PUT', path: '/v2/:name+/manifests/:reference', right: 'push', handler: putManifest },
  {
    name: 'manifest',
    method: 'DELETE',
    path: '/v2/:name+/manifests/:reference',
    right: 'delete',
    handler: deleteManifest,
  },
  { name: 'referrers', method: READ, path: '/v2/:name+/referrers/:digest', right: 'pull', handler: listReferrers },
  { name: 'uploads', method: 'POST', path: '/v2/:name+/blobs/uploads/', right: 'push', handler: openUpload },
  { name: 'upload', method: READ, path: '/v2/:name+/blobs/uploads/:upload', right: 'push', handler: getUpload },
  { name: 'upload', method: 'PATCH', path: '/v2/:name+/blobs/uploads/:upload', right: 'push', handler: appendToUpload },
  { name: 'upload', method: 'PUT', path: '/v2/:name+/blobs/uploads/:upload', right: 'push', handler: closeUpload },
  { name: 'upload', method: 'DELETE', path: '/v2/:name+/blobs/uploads/:upload', right: 'push', handler: cancelUpload },
  { name: 'blob', method: READ, path: '/v2/:name+/blobs/:digest', right: 'pull', handler: getBlob },
  { name: 'blob', method: 'DELETE', path: '/v2/:name+/blobs/:digest', right: 'delete', handler: deleteBlob },
  { name: 'admin-accounts', method: READ, path: '/admin/accounts', right: 'admin', handler: listAccounts },
  { name: 'admin-accounts', method: 'POST', path: '/admin/accounts', right: 'admin', handler: createAccount },
  { name: 'admin-account', method: READ, path: '/admin/accounts/:account', right: 'admin', handler: getAccount },
  { name: 'admin-account', method: 'PATCH', path: '/admin/accounts/:account', right: 'admin', handler: changeAccount },
  { name: 'admin-account', method: 'DELETE', path: '/admin/accounts/:account', right: 'admin', handler: deleteAccount },
  {
    name: 'admin-password',
    method: 'POST',
    path: '/admin/accounts/:account/password',
    right: 'admin',
    handler: renewPassword,
  },
  {
    name: 'admin-tokens',
    method: READ,
    path: '/admin/accounts/:account/tokens',
    right: 'admin',
    handler: listAccountTokens,
  },
  {
    name: 'admin-tokens',
    method: 'POST',
    path: '/admin/accounts/:account/tokens',
    right: 'admin',
    handler: createAccountToken,
  },
  {
    name: 'admin-token',
    method: 'DELETE',
    path: '/admin/accounts/:account/tokens/:token',
    right: 'admin',
    handler: revokeAccountToken,
  },
  { name: 'admin-robots', method: READ, path: '/admin/robots', right: 'admin', handler: listRobots },
  { name: 'admin-robots', method: 'POST', path: '/admin/robots', right: 'admin', handler: createRobot },
  { name: 'admin-robot', method: READ, path: '/admin/robots/:robot', right: 'admin', handler: getRobot },
  { name: 'admin-robot', method: 'PATCH', path: '/admin/robots/:robot', right: 'admin', handler: changeRobot },
  { name: 'admin-robot', method: 'DELETE', path: '/admin/robots/:robot', right: 'admin', handler: deleteRobot },
  {
    name: 'admin-robot-secret',
    method: 'POST',
    path: '/admin/robots/:robot/secret',
    right: 'admin',
    handler: renewRobot,
  },
  { name: 'admin-policy', method: READ, path: '/admin/policy', right: 'admin', handler: getPolicy },
  { name: 'admin-policy', method: 'PUT', path: '/admin/policy', right: 'admin', handler: putPolicy },
  { name: 'admin-policies', method: READ, path: '/admin/policy/versions', right: 'admin', handler: listPolicies },
  { name: 'admin-explain', method: 'POST', path: '/admin/access/explain', right: 'admin', handler: explainAccess },
  { name: 'admin-keys', method: 'POST', path: '/admin/keys/rotate', right: 'admin', handler: rotateKeys },
  { name: 'admin-endpoints', method: READ, path: '/admin/endpoints', right: 'admin', handler: listEndpoints },
  { name: 'admin-endpoint', method: READ, path: '/admin/endpoints/:endpoint', right: 'admin', handler: getEndpoint },
  { name: 'admin-endpoint', method: 'PUT', path: '/admin/endpoints/:endpoint', right: 'admin', handler: putEndpoint },
  {
    name: 'admin-endpoint',
    method: 'DELETE',
    path: '/admin/endpoints/:endpoint',
    right: 'admin',
    handler: deleteEndpoint,
  },
  {
    name: 'admin-ping',
    method: 'POST',
    path: '/admin/endpoints/:endpoint/ping',
    right: 'admin',
    handler: pingEndpoint,
  },
  {
    name: 'admin-deliveries',
    method: READ,
    path: '/admin/endpoints/:endpoint/deliveries',
    right: 'admin',
    handler: listDeliveries,
  },
  {
    name: 'admin-dead-letters',
    method: READ,
    path: '/admin/endpoints/:endpoint/dead-letters',
    right: 'admin',
    handler: listDeadLetters,
  },
  {
    name: 'admin-replay',
    method: 'POST',
    path: '/admin/endpoints/:endpoint/replay',
    right: 'admin',
    handler: replayEvents,
  },
  { name: 'admin-events', method: READ, path: '/admin/events', right: 'admin', handler: listEvents },
  { name: 'admin-event-stream', method: 'GET', path: '/admin/events/stream', right: 'admin', handler: streamEvents },
  { name: 'own-tokens', method: READ, path: '/account/tokens', right: 'own-tokens', handler: listOwnTokens },
  { name: 'own-tokens', method: 'POST', path: '/account/tokens', right: 'own-tokens', handler: createOwnToken },
  { name: 'own-token', method: 'DELETE', path: '/account/tokens/:token', right: 'own-tokens', handler: revokeOwnToken },
];
