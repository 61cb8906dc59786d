/**
 * Whose request a log line is about. The served port passes bytes to workerd and changes none, so the Worker sees the
 * port's own connection and says which one; from where its client came is known here.
 */

/** The lines of a connection are printed a moment after it has ended at the latest. */
const MOST_GONE = 1_024;
const IPV4_MAPPED = /^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i;

export class Peers {
  readonly #live = new Map<number, string>();
  /** In the order in which they ended. */
  readonly #gone = new Map<number, string>();

  /**
   * @param connection the port of this machine from which the connection to workerd was made
   * @param address of the client; undefined when it has gone already
   */
  add(connection: number | undefined, address: string | undefined): void {
    if (connection === undefined || address === undefined) return;
    this.#gone.delete(connection);
    this.#live.set(connection, address.replace(IPV4_MAPPED, ''));
  }

  ended(connection: number | undefined): void {
    if (connection === undefined) return;
    const address = this.#live.get(connection);
    if (address === undefined) return;
    this.#live.delete(connection);
    this.#gone.set(connection, address);
    if (this.#gone.size <= MOST_GONE) return;
    for (const oldest of this.#gone.keys()) {
      this.#gone.delete(oldest);
      return;
    }
  }

  /** Of a connection that there is. Another program may have the port of one that has ended. */
  liveAddressOf(connection: number): string | undefined {
    return this.#live.get(connection);
  }

  addressOf(connection: number): string | undefined {
    return this.#live.get(connection) ?? this.#gone.get(connection);
  }
}
