/** First come, first served: one holder at a time. Waiting takes microtasks only. */
export class Gate {
  #last: Promise<void> = Promise.resolve();

  /** Resolves, when it is the caller's turn, with the function that ends the turn. */
  async enter(): Promise<() => void> {
    const before = this.#last;
    let leave!: () => void;
    this.#last = new Promise((resolve) => {
      leave = resolve;
    });
    await before;
    return leave;
  }
}
