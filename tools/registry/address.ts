/** Which registry, and who asks there. */

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** What is shown to a registry that wants a certificate of its clients, as PEM. */
export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
}

export interface RegistryAddress {
  /** A scheme, a host, perhaps a port. */
  readonly url: URL;
  readonly credentials: Credentials | undefined;
  /** PEM, in place of the certificates that Node trusts. */
  readonly ca?: readonly string[] | undefined;
  readonly certificate?: ClientCertificate | undefined;
}
