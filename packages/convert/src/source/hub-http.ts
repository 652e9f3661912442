import { setMaxListeners } from 'node:events';
import { type Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { NemotronError } from '@nemotron-convert/core';
import { refusal, Transient } from './hub-failure.js';
import { directAgent, proxyFor, proxyHeaders, TunnelAgent } from './hub-proxy.js';
import { retrying } from './hub-retry.js';
import type { HubSettings } from './hub-settings.js';

const REDIRECTS = [301, 302, 303, 307, 308];
const MAX_REDIRECTS = 8;
/** The listing of the largest repositories is a few MB. */
const MAX_JSON_BYTES = 64 * 1024 * 1024;

export interface Answer {
  readonly body: IncomingMessage;
  readonly status: number;
  /** The address that answered, after redirects. */
  readonly url: URL;
}

/** GET requests to the Hub. The token goes to the endpoint's own origin only, never where a redirect leads. */
export class HubClient {
  readonly #agents = new Map<string, Agent>();

  constructor(
    readonly settings: HubSettings,
    readonly signal?: AbortSignal,
  ) {
    // Every request under way listens for it.
    if (signal !== undefined) setMaxListeners(0, signal);
  }

  /** A successful answer, its body unread. Throws Transient when trying again may help, else a HUB_ error. */
  async get(url: URL, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    let at = url;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const body = await this.#send(at, headers);
      const status = body.statusCode ?? 0;
      const location = body.headers.location;
      if (REDIRECTS.includes(status) && location !== undefined) {
        body.destroy();
        at = new URL(location, at);
      } else if (status >= 200 && status < 300) {
        return { body, status, url: at };
      } else {
        body.destroy();
        throw refusal(status, body.headers, at, this.settings);
      }
    }
    throw new NemotronError('HUB_ANSWER', `${url.href}: more than ${MAX_REDIRECTS} redirects`, {
      facts: { url: url.href },
    });
  }

  async getJson(url: URL): Promise<unknown> {
    return retrying(this.settings.retry, this.signal, async () => {
      const { body } = await this.get(url, { accept: 'application/json' });
      const chunks: Buffer[] = [];
      let size = 0;
      try {
        for await (const chunk of body as AsyncIterable<Buffer>) {
          chunks.push(chunk);
          size += chunk.length;
          if (size > MAX_JSON_BYTES) break;
        }
      } catch (cause) {
        throw new Transient(`${url.host} cut the connection`, cause);
      }
      try {
        return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
      } catch (cause) {
        throw new NemotronError('HUB_ANSWER', `${url.href} did not answer with JSON`, {
          facts: { url: url.href },
          cause,
        });
      }
    });
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
  }

  #send(url: URL, headers: Readonly<Record<string, string>>): Promise<IncomingMessage> {
    const { endpoint, token, env, retry } = this.settings;
    const proxy = proxyFor(url, env);
    const isTunnel = proxy !== undefined && url.protocol === 'https:';
    const target = proxy !== undefined && !isTunnel ? proxy : url;
    const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const sent = request(target, {
        agent: this.#agent(url, isTunnel ? proxy : undefined),
        ...(target === url ? {} : { path: url.href }),
        headers: {
          'user-agent': 'nemotron-convert',
          'accept-encoding': 'identity',
          host: url.host,
          ...headers,
          ...(token !== undefined && url.origin === endpoint.origin
            ? { authorization: `Bearer ${token}` }
            : {}),
          ...(target === url || proxy === undefined ? {} : proxyHeaders(proxy)),
        },
        ...(this.signal === undefined ? {} : { signal: this.signal }),
      });
      sent.setTimeout(retry.idleMs, () =>
        sent.destroy(new Error(`${url.host} was silent for ${retry.idleMs / 1000} s`)),
      );
      sent.once('response', resolve);
      sent.once('error', (cause) =>
        reject(this.signal?.aborted ? cause : new Transient(`${url.host}: ${cause.message}`, cause)),
      );
      sent.end();
    });
  }

  #agent(url: URL, tunnel: URL | undefined): Agent {
    const key = `${url.protocol} ${tunnel?.href ?? ''}`;
    let agent = this.#agents.get(key);
    if (agent === undefined) {
      agent = tunnel === undefined ? directAgent(url) : new TunnelAgent(tunnel);
      this.#agents.set(key, agent);
    }
    return agent;
  }
}
