/** A conversion's part of the budget while the engine works on it. */
export interface Lease {
  readonly threads: number;
  /** Bytes for buffers. */
  readonly memory: number;
  readonly release: () => void;
}

interface Waiting {
  readonly wanted: number;
  readonly grant: (lease: Lease) => void;
}

/** What one thread writes in a moment: a conversion of no more gains nothing from a second one. */
const BYTES_OF_A_THREAD = 64 * 2 ** 20;

/**
 * Threads of the engine, each with its part of the memory, for many conversions. A large one takes up to half of them and
 * leaves a quarter to small ones, which come and go meanwhile: they wait for the disk more than they use it.
 */
export class EngineBudget {
  #free: number;
  readonly #queue: Waiting[] = [];

  constructor(
    private readonly threads: number,
    private readonly memory: number,
  ) {
    this.#free = threads;
  }

  /** Resolves when there is room for a conversion that writes so many bytes. */
  lease(bytes: number): Promise<Lease> {
    const most = Math.ceil(this.threads / 2);
    const wanted = Math.min(most, Math.max(1, Math.ceil(bytes / BYTES_OF_A_THREAD)));
    return new Promise((grant) => {
      this.#queue.push({ wanted, grant });
      this.#serve();
    });
  }

  /** In the order of their coming, but for large ones that have to leave room. */
  #serve(): void {
    const kept = Math.floor(this.threads / 4);
    for (const waiting of [...this.#queue]) {
      const threads = Math.min(waiting.wanted, this.#free - (waiting.wanted > 1 ? kept : 0));
      if (threads < 1) continue;
      this.#queue.splice(this.#queue.indexOf(waiting), 1);
      this.#free -= threads;
      waiting.grant(this.#leased(threads));
    }
  }

  #leased(threads: number): Lease {
    let isHeld = true;
    const release = () => {
      if (!isHeld) return;
      isHeld = false;
      this.#free += threads;
      this.#serve();
    };
    return { threads, memory: Math.floor((this.memory / this.threads) * threads), release };
  }
}
