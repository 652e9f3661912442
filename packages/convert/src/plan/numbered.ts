/** Values numbered by first use of what they stand for. */
export class Numbered<K, T> {
  readonly values: T[] = [];
  readonly #numbers = new Map<K, number>();

  add(key: K, make: () => T): number {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.values.push(make()) - 1;
    this.#numbers.set(key, number);
    return number;
  }
}
