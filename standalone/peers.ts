/**
 * Whose request a log line is about. The served port passes bytes to workerd and changes none, so the Worker sees the
 * port's own connection and says which one; from where its client came is known here.
 */

/** The lines of a connection are printed a moment after it has ended at the latest. */
const MOST_GONE = 1_024;
/** Of a link-local address (RFC 4007 §11): a name of this machine's, and no part of where the client is. */
const ZONE = /%.*$/;
const IPV4_MAPPED = /^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i;

export class Peers {
  readonly #live = new Map<number, { readonly address: string }>();
  /** In the order in which they ended. */
  readonly #gone = new Map<number, string>();

  /**
   * @param connection the port of this machine from which the connection to workerd was made
   * @param given the client's address; undefined when it has gone already
   * @returns to be called when the connection has ended. The port may be another one's by then
   */
  add(connection: number, given: string | undefined): () => void {
    this.#gone.delete(connection);
    this.#live.delete(connection);
    if (given === undefined) return () => undefined;
    const address = given.replace(IPV4_MAPPED, '').replace(ZONE, '');
    const peer = { address };
    this.#live.set(connection, peer);
    return () => {
      if (this.#live.get(connection) !== peer) return;
      this.#live.delete(connection);
      this.#forgetOldest();
      this.#gone.set(connection, address);
    };
  }

  /** Of a connection that there is. Another program may have the port of one that has ended. */
  liveAddressOf(connection: number): string | undefined {
    return this.#live.get(connection)?.address;
  }

  addressOf(connection: number): string | undefined {
    return this.liveAddressOf(connection) ?? this.#gone.get(connection);
  }

  #forgetOldest(): void {
    if (this.#gone.size < MOST_GONE) return;
    for (const oldest of this.#gone.keys()) {
      this.#gone.delete(oldest);
      return;
    }
  }
}
