import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

/**
 * What the library takes from Node.js: src/host has what a page can have, over the dropped files. The rest is of code that
 * no local checkpoint reaches, the Hub's; using it says so.
 */
function host() {
  const own = (name) => fileURLToPath(new URL(`src/host/${name.replace('/', '-')}.ts`, import.meta.url));
  return {
    name: 'host',
    enforce: 'pre',
    resolveId: (id) => {
      if (!id.startsWith('node:')) return null;
      return `\0host:${id.slice('node:'.length)}`;
    },
    load: (id) => {
      if (!id.startsWith('\0host:')) return null;
      const name = id.slice('\0host:'.length);
      const path = own(name);
      const known = existsSync(path) ? `require(${JSON.stringify(path)})` : '{}';
      return `
        const known = ${known};
        module.exports = new Proxy(known, {
          get: (target, name) => target[name] ?? (name === '__esModule' ? true : function absent() {
            throw new Error('node:${name} has no ' + String(name) + ' on a page');
          }),
        });`;
    },
  };
}

export default defineConfig({
  root: fileURLToPath(new URL('src', import.meta.url)),
  base: './',
  plugins: [host()],
  worker: { format: 'es', plugins: () => [host()] },
  build: { outDir: '../dist', emptyOutDir: true, target: 'es2023' },
});
