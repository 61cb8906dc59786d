/**
 * What `npm start` says of the settings that the Worker reads. Their types, bounds and defaults are in src/config.ts; a setting
 * that is new there does not compile without its row here.
 */
import { SETTING_SCHEMAS } from '../../src/config.ts';
import type { Row } from './setting.ts';

export const WORKER_ROWS = {
  BERTH_ANONYMOUS: {
    group: 'people',
    doc: 'what anyone may do without signing in, while there is no policy: none, read, or read-write',
    value: 'W',
  },
  BERTH_HTPASSWD: {
    group: 'people',
    doc: 'people who may sign in: a file of bcrypt lines, as htpasswd -B makes them',
    value: 'F',
    example: '/etc/berth/htpasswd',
    holds: 'document',
  },
  BERTH_HTPASSWD_MAX_COST: {
    group: 'people',
    doc: 'the highest bcrypt cost that a line may have',
    value: 'N',
    example: '12',
  },
  BERTH_POLICY: {
    group: 'people',
    doc: 'the file that says who may do what (docs/policy.md)',
    value: 'F',
    example: '/etc/berth/policy.json',
    holds: 'document',
  },
  BERTH_TOKEN_SERVER: {
    group: 'people',
    doc: 'tokens come from another server: the file that names it and its keys (docs/token-server.md)',
    value: 'F',
    example: '/etc/berth/token-server.json',
    holds: 'document',
  },
  BERTH_TRUSTS: {
    group: 'people',
    doc: 'whose CI jobs come in without a stored secret (docs/workload-identity.md)',
    value: 'F',
    example: '/etc/berth/trusts.json',
    holds: 'document',
  },
  BERTH_OPEN_LOOPBACK: {
    group: 'people',
    doc: 'on a loopback address, lets programs on this machine do everything. On there, unless something says who may do what',
  },
  BERTH_READ_ONLY: {
    group: 'people',
    doc: 'refuses pushes and deletes of everybody with 405, while pulls go on',
  },
  BERTH_PUBLIC_URL: {
    group: 'web',
    doc: 'where clients reach the registry. Signing in by token needs it',
    value: 'URL',
    example: 'https://registry.example.com',
  },
  BERTH_TRUSTED_PROXY: {
    group: 'web',
    doc: 'believes X-Forwarded-Proto, -Host and -For, since all that comes is from a proxy that sets them',
  },
  BERTH_DIRECT_CLIENTS: {
    group: 'web',
    doc: 'no proxy stands in front: who connects is the client, for rules that name networks and for guesses',
  },
  BERTH_PROXY_SECRET: {
    group: 'secrets',
    doc: 'by what a proxy in front proves itself, whose word of who asks is then taken (docs/nginx.md)',
    value: 'TEXT',
    isSecret: true,
  },
  BERTH_PROXY_SECRET_PREVIOUS: {
    group: 'secrets',
    doc: 'the secret before, while it is replaced',
    value: 'TEXT',
    isSecret: true,
  },
  BERTH_CORS_ORIGINS: {
    group: 'web',
    doc: 'whose web pages may read answers, with commas between; * stands for all',
    value: 'LIST',
    example: 'https://ui.example.com',
    holds: 'list',
  },
  BERTH_ENDPOINTS: {
    group: 'events',
    doc: 'who is told of pushes, deletes and pulls: the file that names their URLs (docs/notifications.md)',
    value: 'F',
    example: '/etc/berth/endpoints.json',
    holds: 'document',
  },
  BERTH_EVENTS: {
    group: 'events',
    doc: 'writes down what happens, for the endpoints that the admin API makes. On where there is a file of endpoints',
  },
  BERTH_WEBHOOKS_PRIVATE: {
    group: 'events',
    doc: 'endpoints may be plain http, and at addresses that are not public',
  },
  BERTH_COLLECTION_EVENTS: {
    group: 'events',
    doc: 'a blob that is collected is an event as well',
  },
  BERTH_OUTBOX_MOST: {
    group: 'events',
    doc: 'how many events of one repository may wait; past it, its changes are refused',
    value: 'N',
    example: '100000',
  },
  BERTH_OUTBOX_OLDEST_SECONDS: {
    group: 'events',
    doc: 'the same for the age of the oldest',
    value: 'N',
    example: '86400',
  },
  BERTH_MAX_MANIFEST_BYTES: {
    group: 'limits',
    doc: 'the largest manifest that is taken',
    value: 'N',
    example: '4194304',
  },
  BERTH_MANIFESTS_ALLOW_MISSING: {
    group: 'limits',
    doc: 'takes manifests whose blobs are not here, such as an index of some platforms only',
  },
  BERTH_UPLOAD_EXPIRY_SECONDS: {
    group: 'limits',
    doc: 'how long a push may take',
    value: 'N',
    example: '86400',
  },
  BERTH_GRACE_SECONDS: {
    group: 'limits',
    doc: 'how long a blob is kept that nothing refers to; 0, for tests alone, or as long as a push may take',
    value: 'N',
    example: '86400',
  },
  BERTH_EXISTENCE_CACHE_SECONDS: {
    group: 'limits',
    doc: 'how long it may believe that a blob is there without looking',
    value: 'N',
    example: '60',
    // Here the objects are as near as a cache would be, and every change is seen at once.
    ownDefault: '0',
  },
  BERTH_ADMIN_PASSWORD: {
    group: 'secrets',
    doc: 'opens the admin API, in place of the one that the first start makes in the data directory',
    value: 'TEXT',
    isSecret: true,
  },
  BERTH_ENCRYPTION_KEY: {
    group: 'secrets',
    doc: 'what secrets of endpoints are encrypted with, in place of the one in the data directory',
    value: 'KEY',
    isSecret: true,
  },
  BERTH_ENCRYPTION_KEY_PREVIOUS: {
    group: 'secrets',
    doc: 'the key before, while it is replaced',
    value: 'KEY',
    isSecret: true,
  },
  BERTH_ON_CLOUDFLARE: {
    group: 'web',
    doc: 'believes what Cloudflare says of where a client is',
    isForCloudflare: true,
  },
  BERTH_JURISDICTION: { group: 'serving', doc: 'where objects may live at all', isForCloudflare: true },
  BERTH_LOCATION_HINT: { group: 'serving', doc: 'where objects are first placed', isForCloudflare: true },
} satisfies Record<keyof typeof SETTING_SCHEMAS, Row>;
