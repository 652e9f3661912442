import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeFile {
  readonly content: Buffer;
  /** Large files are named by SHA-256 and served by a second host. */
  readonly lfs: boolean;
}

export interface FakeModel {
  readonly commit: string;
  readonly files: Readonly<Record<string, FakeFile>>;
  /** The name that the Hub answers with, after a renaming. */
  readonly renamedTo?: string;
}

export interface Seen {
  readonly host: 'hub' | 'storage';
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

/** Answers a request instead of the server, and returns true, or leaves it alone. */
export type Fault = (
  seen: Seen,
  response: ServerResponse,
  content: Buffer | undefined,
) => boolean | Promise<boolean>;

/** Two local servers that speak the Hub's API: the Hub itself, and the storage host its redirects lead to. */
export class FakeHub {
  readonly seen: Seen[] = [];
  readonly faults: Fault[] = [];
  readonly models = new Map<string, FakeModel>();
  #hub: Server | undefined;
  #storage: Server | undefined;

  async start(): Promise<this> {
    this.#hub = await listen((request, response) => this.#answer('hub', request, response));
    this.#storage = await listen((request, response) => this.#answer('storage', request, response));
    return this;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${port(this.#hub)}`;
  }

  get storage(): string {
    return `http://127.0.0.1:${port(this.#storage)}`;
  }

  stop(): void {
    for (const server of [this.#hub, this.#storage]) {
      server?.closeAllConnections();
      server?.close();
    }
  }

  /** The names of the files whose bytes were asked for. */
  get fetched(): string[] {
    const names = this.seen.flatMap(({ path }) => /\/resolve\/[0-9a-f]+\/(.*)$/.exec(path)?.[1] ?? []);
    return [...new Set(names)].sort();
  }

  async #answer(host: Seen['host'], request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    const seen: Seen = {
      host,
      path,
      range: request.headers.range,
      authorization: request.headers.authorization,
    };
    this.seen.push(seen);
    const content = this.#content(path);
    for (const fault of this.faults) if (await fault(seen, response, content)) return;
    if (path.startsWith('/api/models/')) {
      this.#list(path, response);
      return;
    }
    const file = this.#file(path);
    if (file === undefined || content === undefined) {
      refuse(response, 404, 'EntryNotFound', 'Entry not found');
      return;
    }
    if (host === 'hub' && file.lfs) {
      response.writeHead(302, { location: `${this.storage}${path}` }).end();
      return;
    }
    serve(response, content, seen.range);
  }

  #list(path: string, response: ServerResponse): void {
    const [, repo = '', revision = ''] = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/([^?]+)/.exec(path) ?? [];
    const model = this.models.get(repo);
    if (model === undefined) {
      refuse(response, 401, 'RepoNotFound', 'Repository not found');
      return;
    }
    const name = decodeURIComponent(revision);
    if (name !== 'main' && name !== model.commit && !name.startsWith('refs/')) {
      refuse(response, 404, 'RevisionNotFound', `Invalid rev id: ${name}`);
      return;
    }
    const siblings = Object.entries(model.files).map(([rfilename, { content, lfs }]) => ({
      rfilename,
      size: content.length,
      blobId: gitHash(content),
      ...(lfs ? { lfs: { sha256: sha256(content), size: content.length, pointerSize: 134 } } : {}),
    }));
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ id: model.renamedTo ?? repo, sha: model.commit, siblings }));
  }

  #file(path: string): FakeFile | undefined {
    const [, repo = '', , name = ''] = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.*)$/.exec(path) ?? [];
    return this.models.get(repo)?.files[decodeURIComponent(name)];
  }

  #content(path: string): Buffer | undefined {
    return this.#file(path)?.content;
  }
}

export function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

export function gitHash(content: Buffer): string {
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
}

export function serve(response: ServerResponse, content: Buffer, range: string | undefined): void {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? [];
  if (first === undefined || last === undefined) {
    response.writeHead(200, { 'content-length': content.length }).end(content);
    return;
  }
  const part = content.subarray(Number(first), Number(last) + 1);
  response.writeHead(206, {
    'content-length': part.length,
    'content-range': `bytes ${first}-${last}/${content.length}`,
  });
  response.end(part);
}

export function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { 'x-error-code': code, 'x-error-message': message }).end();
}

function listen(
  answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<Server> {
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

function port(server: Server | undefined): number {
  return (server?.address() as AddressInfo | null)?.port ?? 0;
}
