/** A set that forgets its oldest members beyond a limit. */
export class RecentKeys {
  readonly #limit: number;
  readonly #keys = new Set<string>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  /** True if it was there. */
  delete(key: string): boolean {
    return this.#keys.delete(key);
  }

  add(key: string): void {
    this.#keys.delete(key);
    this.#keys.add(key);
    if (this.#keys.size > this.#limit) {
      const [oldest] = this.#keys;
      this.#keys.delete(oldest!);
    }
  }
}
