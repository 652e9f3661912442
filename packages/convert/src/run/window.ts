import type { HubFile } from '../source/hub-list.js';

/** Bounds the bytes of weight files that lie on the disk at once. */
export class Window {
  readonly #held = new Map<HubFile, number>();
  readonly #coming = new Set<HubFile>();
  #blocked: { readonly wake: () => void; readonly fail: (cause: unknown) => void } | undefined;
  #widened = false;

  constructor(
    private readonly limit: number,
    /** Called when a file has to wait for room. */
    private readonly onBlocked: () => void = () => undefined,
  ) {}

  /** Waits until there is room for a file, which then counts as coming. One file is let in however large it is. */
  async admit(file: HubFile): Promise<void> {
    while (!this.#fits(file)) {
      await new Promise<void>((wake, fail) => {
        this.#blocked = { wake, fail };
        this.onBlocked();
      }).finally(() => {
        this.#blocked = undefined;
      });
    }
    this.#widened = false;
    this.#held.set(file, file.bytes);
    this.#coming.add(file);
  }

  /** Counts a file that is there. */
  hold(file: HubFile): void {
    this.#held.set(file, file.bytes);
    this.#coming.delete(file);
  }

  release(file: HubFile): void {
    this.#held.delete(file);
    this.#blocked?.wake();
  }

  /** Lets one more file in when nothing is coming that could make room. */
  widenIfIdle(): void {
    if (this.#blocked === undefined || this.#coming.size > 0) return;
    this.#widened = true;
    this.#blocked.wake();
  }

  /** Ends the waiting. */
  close(cause: unknown): void {
    this.#blocked?.fail(cause);
  }

  #fits({ bytes }: HubFile): boolean {
    const held = [...this.#held.values()].reduce((sum, next) => sum + next, 0);
    return this.#widened || held === 0 || held + bytes <= this.limit;
  }
}
