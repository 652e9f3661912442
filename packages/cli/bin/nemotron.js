#!/usr/bin/env node
import { statSync } from 'node:fs';

/** When a file was written; a published package has no record of its compilation. */
const written = (path) => statSync(new URL(path, import.meta.url), { throwIfNoEntry: false })?.mtimeMs ?? 0;

// The bundle, unless a package that it was made of has been compiled since.
const bundle = written('../dist/bundle.js');
const compiled = ['cli', 'config', 'convert', 'submit'].map((name) =>
  written(`../../${name}/tsconfig.tsbuildinfo`),
);
await import(bundle > 0 && bundle >= Math.max(...compiled) ? '../dist/bundle.js' : '../dist/main.js');
