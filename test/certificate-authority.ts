/**
 * A private authority and what it signs, for tests of TLS: made in memory and in milliseconds, with any dates, names and
 * mistakes (RFC 5280, in DER by X.690).
 */
import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { isIPv4 } from 'node:net';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const SEQUENCE = 0x30;
const SET = 0x31;
const OBJECT_IDENTIFIER = 0x06;
const UTF8_STRING = 0x0c;
const GENERALIZED_TIME = 0x18;
const UTC_TIME = 0x17;
const TRUE = Buffer.from([0x01, 0x01, 0xff]);
/** Of X.509 version 3, in its explicit tag. */
const VERSION_3 = Buffer.from([0xa0, 0x03, 0x02, 0x01, 0x02]);
/** RFC 5280 §4.1.2.5: dates from 2050 on have another form. */
const FIRST_GENERALIZED_YEAR = 2050;

const USAGES = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const;

export interface Wanted {
  readonly name: string;
  /** DNS names and IPv4 addresses; none leaves the extension out. */
  readonly hosts?: readonly string[];
  /** By default an hour ago, and in ninety days. */
  readonly from?: Date;
  readonly until?: Date;
  readonly usages?: readonly (keyof typeof USAGES)[];
  /** Where the issuer's own certificate is to be had, as public authorities say. */
  readonly issuerUrl?: string;
}

/** Both in PEM. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

export class Authority {
  readonly certificate: string;
  readonly #name: string;
  readonly #key: KeyObject;

  private constructor(name: string, key: KeyObject, certificate: string) {
    this.#name = name;
    this.#key = key;
    this.certificate = certificate;
  }

  static root(name = 'test authority'): Authority {
    const { publicKey, privateKey } = newKeys();
    const certificate = certify({ name }, publicKey, { issuer: name, issuerKey: privateKey, isAuthority: true });
    return new Authority(name, privateKey, certificate);
  }

  /** One below, which this one has signed. */
  intermediate(name = 'test intermediate', about: Omit<Wanted, 'name'> = {}): Authority {
    const { publicKey, privateKey } = newKeys();
    const signer = { issuer: this.#name, issuerKey: this.#key, isAuthority: true };
    return new Authority(name, privateKey, certify({ ...about, name }, publicKey, signer));
  }

  issue(wanted: Wanted): Issued {
    const { publicKey, privateKey } = newKeys();
    const certificate = certify(wanted, publicKey, { issuer: this.#name, issuerKey: this.#key, isAuthority: false });
    return { certificate, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
  }
}

function newKeys(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
}

interface Signer {
  readonly issuer: string;
  readonly issuerKey: KeyObject;
  readonly isAuthority: boolean;
}

function certify(wanted: Wanted, publicKey: KeyObject, { issuer, issuerKey, isAuthority }: Signer): string {
  const { name, from = new Date(Date.now() - HOUR_MS), until = new Date(Date.now() + 90 * DAY_MS) } = wanted;
  const algorithm = sequence(identifier('1.2.840.10045.4.3.2'));
  // Positive, and of at most twenty bytes.
  const serial = Buffer.concat([Buffer.from([0x01]), randomBytes(15)]);
  const signed = sequence(
    VERSION_3,
    tagged(0x02, serial),
    algorithm,
    distinguished(issuer),
    sequence(time(from), time(until)),
    distinguished(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    ...extensions(wanted, isAuthority),
  );
  const signature = tagged(0x03, Buffer.from([0]), sign('sha256', signed, issuerKey));
  const text = sequence(signed, algorithm, signature).toString('base64').replace(/.{64}/g, '$&\n').trimEnd();
  return `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`;
}

function extensions({ hosts = [], usages = [], issuerUrl }: Wanted, isAuthority: boolean): Buffer[] {
  const made: Buffer[] = [];
  if (isAuthority) made.push(extension('2.5.29.19', sequence(TRUE), TRUE));
  if (hosts.length > 0) made.push(extension('2.5.29.17', sequence(...hosts.map(alternativeName))));
  if (usages.length > 0)
    made.push(extension('2.5.29.37', sequence(...usages.map((usage) => identifier(USAGES[usage])))));
  if (issuerUrl !== undefined) {
    const access = sequence(identifier('1.3.6.1.5.5.7.48.2'), tagged(0x86, Buffer.from(issuerUrl)));
    made.push(extension('1.3.6.1.5.5.7.1.1', sequence(access)));
  }
  return made.length === 0 ? [] : [tagged(0xa3, sequence(...made))];
}

function extension(id: string, value: Buffer, ...critical: Buffer[]): Buffer {
  return sequence(identifier(id), ...critical, tagged(0x04, value));
}

function alternativeName(host: string): Buffer {
  return isIPv4(host) ? tagged(0x87, Buffer.from(host.split('.').map(Number))) : tagged(0x82, Buffer.from(host));
}

function distinguished(name: string): Buffer {
  const attribute = sequence(identifier('2.5.4.3'), tagged(UTF8_STRING, Buffer.from(name)));
  return sequence(tagged(SET, attribute));
}

function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/\.\d+|[-:T]/g, '');
  return date.getUTCFullYear() < FIRST_GENERALIZED_YEAR
    ? tagged(UTC_TIME, Buffer.from(digits.slice(2)))
    : tagged(GENERALIZED_TIME, Buffer.from(digits));
}

function identifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...others] = dotted.split('.').map(Number);
  return tagged(OBJECT_IDENTIFIER, Buffer.from([first * 40 + second, ...others.flatMap(base128)]));
}

/** Seven bits a byte, the highest first; all but the last are marked. */
function base128(number: number): number[] {
  const bytes = [number & 0x7f];
  for (let left = number >> 7; left > 0; left >>= 7) bytes.unshift((left & 0x7f) | 0x80);
  return bytes;
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(SEQUENCE, ...parts);
}

function tagged(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const length = content.length;
  const head =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), content]);
}
