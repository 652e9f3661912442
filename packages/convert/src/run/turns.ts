/** Lets in so many at a time, in the order of their coming. */
export class Turns {
  readonly #waiting: (() => void)[] = [];

  constructor(private free: number) {}

  /** Resolves with what ends the turn; to call that again does nothing. */
  async begin(): Promise<() => void> {
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((next) => this.#waiting.push(next));
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      const next = this.#waiting.shift();
      if (next === undefined) this.free += 1;
      else next();
    };
  }
}
