/** What is still to be done, the latest first, and no more of it than fits: a source may name work without end. */
export class Backlog<Item> {
  readonly #items: Item[] = [];
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  /** False where there is no room, and the item is not taken. */
  add(item: Item): boolean {
    if (this.#items.length >= this.#most) return false;
    this.#items.push(item);
    return true;
  }

  take(): Item | undefined {
    return this.#items.pop();
  }
}
