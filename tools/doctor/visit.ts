/** One examination: what is known of it beforehand, and what its checks find out for those after them. */
import { randomBytes } from 'node:crypto';
import { parseRepositoryName, type RepositoryName } from '../../src/oci/repository-name.ts';
import type { ClientCertificate, Credentials } from '../registry/address.ts';
import { Connections } from '../registry/exchange.ts';
import { RegistryClient } from '../registry/registry-client.ts';
import type { Greeting } from './greeting.ts';
import type { SeenLocation } from './location.ts';
import type { PushedImage } from './test-image.ts';

const USER_AGENT = 'berth-doctor';
const NAMES = { name: 'the registry', userAgent: USER_AGENT };
const RANDOM_BYTES = 6;

export interface VisitSettings {
  readonly url: URL;
  readonly credentials: Credentials | undefined;
  /** All certificates that are trusted, as PEM. */
  readonly ca: readonly string[];
  readonly certificate: ClientCertificate | undefined;
  readonly repository: RepositoryName | undefined;
  readonly quick: boolean;
  readonly signal: AbortSignal;
}

/** What cleaning up goes by. */
export type ClearedAway = Pick<Visit, 'image' | 'session' | 'repository' | 'tag' | 'client' | 'scopes'>;

export class Visit {
  readonly settings: VisitSettings;
  /** For questions that are asked without an account. */
  readonly connections: Connections;
  readonly client: RegistryClient;
  readonly repository: RepositoryName;
  /** Its own, so that it never moves somebody else's. */
  readonly tag: string;
  greeting: Greeting | undefined;
  readonly locations: SeenLocation[] = [];
  image: PushedImage | undefined;
  /** An upload that was begun, and neither closed nor cancelled. */
  session: URL | undefined;

  constructor(settings: VisitSettings) {
    const { url, credentials, ca, certificate, signal } = settings;
    this.settings = settings;
    this.connections = new Connections(USER_AGENT, { ca, certificate, origin: url.origin });
    this.client = new RegistryClient({ url, credentials, ca, certificate }, NAMES, signal);
    const name = randomBytes(RANDOM_BYTES).toString('hex');
    this.tag = `berth-doctor-${name}`;
    const own = parseRepositoryName(`berth-doctor/${name}`);
    if (own === undefined) throw new Error('hexadecimal digits are a name');
    this.repository = settings.repository ?? own;
  }

  /** What there is to clear away of this visit, for one that is not stopped with it. */
  toClearAway(signal: AbortSignal): ClearedAway {
    const { url, credentials, ca, certificate } = this.settings;
    const client = new RegistryClient({ url, credentials, ca, certificate }, NAMES, signal);
    const { image, session, repository, tag, scopes } = this;
    return { image, session, repository, tag, scopes, client };
  }

  get url(): URL {
    return this.settings.url;
  }

  get signal(): AbortSignal {
    return this.settings.signal;
  }

  get scopes(): readonly string[] {
    return [`repository:${this.repository}:pull,push,delete`];
  }
}
