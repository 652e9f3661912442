import { Agent as HttpAgent, request as httpRequest, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Duplex } from 'node:stream';
import { connect as tlsConnect } from 'node:tls';
import type { EnvVariables } from './hub-settings.js';

/** The proxy for an address, by HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, lower case first as curl reads them. */
export function proxyFor(url: URL, env: EnvVariables): URL | undefined {
  const read = (name: string): string => env[name.toLowerCase()] || env[name] || '';
  if (isExcluded(url, read('NO_PROXY'))) return undefined;
  const text = read(url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY') || read('ALL_PROXY');
  if (text === '') return undefined;
  const address = text.includes('://') ? text : `http://${text}`;
  return URL.canParse(address) ? new URL(address) : undefined;
}

function isExcluded(url: URL, list: string): boolean {
  return list.split(/[\s,]+/).some((entry) => {
    if (entry === '*') return true;
    const [host = '', port] = entry.replace(/^\*?\./, '').split(':');
    if (host === '' || (port !== undefined && port !== url.port)) return false;
    return url.hostname === host || url.hostname.endsWith(`.${host}`);
  });
}

export function proxyHeaders(proxy: URL): Record<string, string> {
  if (proxy.username === '') return {};
  const login = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(login).toString('base64')}` };
}

export function directAgent(url: URL): HttpAgent {
  return url.protocol === 'https:' ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
}

/** Reaches https addresses through a proxy: a CONNECT request, then TLS inside. */
export class TunnelAgent extends HttpsAgent {
  constructor(private readonly proxy: URL) {
    super({ keepAlive: true });
  }

  override createConnection(
    options: RequestOptions,
    done: (error: Error | null, socket?: Duplex) => void,
  ): undefined {
    const host = String(options.host);
    const connecting = httpRequest({
      host: this.proxy.hostname,
      port: this.proxy.port || 80,
      method: 'CONNECT',
      path: `${host}:${options.port ?? 443}`,
      headers: proxyHeaders(this.proxy),
    });
    connecting.once('connect', (response, socket) => {
      if (response.statusCode === 200) {
        done(null, tlsConnect({ socket, servername: host }));
      } else {
        socket.destroy();
        done(new Error(`the proxy ${this.proxy.host} answered ${response.statusCode}`));
      }
    });
    connecting.once('error', (error) => done(error));
    connecting.end();
    return undefined;
  }
}
