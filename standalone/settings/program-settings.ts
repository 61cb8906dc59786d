/**
 * The settings that the program behind `npm start` reads itself. The Worker's are in worker-settings.ts.
 *
 * A new setting is a new row here: its name makes the flag, the variable and the key (`tls-cert`: --tls-cert, BERTH_TLS_CERT,
 * tls-cert), its schema takes text and says what it must be instead (`must be …`, read after the setting's name), and
 * has the default. An on/off setting is `v.optional(oneOf(['off', 'on']), 'off')`. Read it by
 * `settings.get('tls-cert')`, which has the schema's type. What fits only with another setting is said in
 * combinations.ts. docs/configuration.md needs a row too; its test says which.
 */
import * as v from 'valibot';
import { oneOf, wholeNumber } from '../../src/config.ts';
import { DEFAULT_HOST, HIGHEST_PORT, parseHost } from '../address.ts';
import { LOG_FORMATS } from '../terminal.ts';
import type { Row, SettingSchema } from './setting.ts';

export const DEFAULT_DATA_DIRECTORY = '.berth';
const DEFAULT_PORT = 8787;

/** `filesystem`: plain files. `r2`: the emulator of Cloudflare's bucket. */
export const STORAGE_KINDS = ['filesystem', 'r2'] as const;
export type StorageKind = (typeof STORAGE_KINDS)[number];

const host = v.pipe(
  v.string(),
  v.check((text) => parseHost(text) !== undefined, 'must be an IP address, or localhost'),
  v.transform((text) => parseHost(text) ?? text),
);

/** For a setting that is a path. */
export const path = v.pipe(
  v.string(),
  v.check((text) => text !== '' && !text.includes('\0'), 'must be a path'),
);

type ProgramRow = Row & { readonly schema: SettingSchema };

export const PROGRAM_ROWS = {
  port: {
    schema: v.optional(wholeNumber(0, HIGHEST_PORT), String(DEFAULT_PORT)),
    group: 'serving',
    doc: 'the port to listen on; 0 takes a free one',
    value: 'N',
    example: '8788',
  },
  host: {
    schema: v.optional(host, DEFAULT_HOST),
    group: 'serving',
    doc: 'the IP address to listen on, or localhost, which is open to programs on this machine. Any other, and 0.0.0.0 for all of them, is closed until --anonymous read or read-write opens it to everyone, or somebody can sign in',
    value: 'H',
    example: '127.0.0.1',
  },
  data: {
    schema: v.optional(path, DEFAULT_DATA_DIRECTORY),
    group: 'serving',
    doc: 'where everything is kept, from the clone of Berth on where it is not absolute',
    value: 'DIR',
    example: '/srv/berth',
    holds: 'directory',
  },
  config: {
    schema: v.optional(path),
    group: 'serving',
    doc: 'a file of settings in TOML, such as port = 8788. Flags and the environment outrank it',
    value: 'F',
    example: '/etc/berth/berth.toml',
    holds: 'file',
  },
  storage: {
    schema: v.optional(oneOf(STORAGE_KINDS), 'filesystem'),
    group: 'serving',
    doc: "filesystem: blobs are plain files; r2: the emulator of Cloudflare's bucket, slower, for work on Berth itself",
    value: 'S',
    example: 'r2',
  },
  sync: {
    schema: v.optional(oneOf(['off', 'on']), 'on'),
    group: 'serving',
    doc: 'answers before the disk has the bytes: faster, but what was just pushed may not survive a power cut',
  },
  'tls-cert': {
    schema: v.optional(path),
    group: 'web',
    doc: 'speaks TLS with this certificate, its intermediates behind it, in PEM (docs/deploy.md). A new one is taken up by itself',
    value: 'F',
    example: '/etc/berth/tls/fullchain.pem',
    holds: 'file',
  },
  'tls-key': {
    schema: v.optional(path),
    group: 'web',
    doc: "the certificate's private key, in PEM",
    value: 'F',
    example: '/etc/berth/tls/privkey.pem',
    holds: 'file',
  },
  'tls-client-ca': {
    schema: v.optional(path),
    group: 'web',
    doc: 'clients have to show a certificate that one of these authorities has signed, in PEM',
    value: 'F',
    example: '/etc/berth/tls/clients-ca.pem',
    holds: 'file',
  },
  'log-format': {
    schema: v.optional(oneOf(LOG_FORMATS), 'auto'),
    group: 'terminal',
    doc: 'auto: lines for people at a terminal, JSON elsewhere; pretty, json: these everywhere; combined: an access log as Apache and nginx write it on stdout, and all else on stderr',
    value: 'L',
    example: 'combined',
  },
  quiet: {
    schema: v.optional(oneOf(['off', 'on']), 'off'),
    group: 'terminal',
    doc: 'prints nothing but warnings, errors and where it serves',
  },
} satisfies Record<string, ProgramRow>;

export type ProgramRows = typeof PROGRAM_ROWS;
export type ProgramName = keyof ProgramRows;
