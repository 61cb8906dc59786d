/**
 * How long a sender is waited for. Silence uses it up and each byte buys some of it back, so that one who trickles is let
 * go like one who is silent, and one who pauses and then hurries is not. Pure.
 */
const MS_PER_SECOND = 1_000;

export class Patience {
  readonly #mostMs: number;
  readonly #msPerByte: number;
  #leftMs: number;

  /**
   * @param mostMs the longest silence
   * @param leastBytesPerSecond who brings less in the long run is let go
   */
  constructor(mostMs: number, leastBytesPerSecond: number) {
    this.#mostMs = mostMs;
    this.#leftMs = mostMs;
    this.#msPerByte = MS_PER_SECOND / leastBytesPerSecond;
  }

  get isOver(): boolean {
    return this.#leftMs <= 0;
  }

  waited(ms: number): void {
    this.#leftMs -= ms;
  }

  brought(bytes: number): void {
    this.#leftMs = Math.min(this.#mostMs, this.#leftMs + bytes * this.#msPerByte);
  }
}
