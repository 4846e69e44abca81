#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { run } from './program.ts';

/** Of the package: this file runs as dist/src/cli/curfew.js. */
function version(): string {
  const about: unknown = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
  return typeof about === 'object' && about !== null && 'version' in about ? String(about.version) : 'unknown';
}

// `curfew roster export | head`: the reader has gone, and that is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

// Whatever it makes is its owner's alone.
process.umask(0o077);

process.exitCode = await run(process.argv, version());
