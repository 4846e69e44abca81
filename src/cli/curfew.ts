#!/usr/bin/env node
import { readFileSync } from 'node:fs';

/** Of the package: this file runs as dist/src/cli/curfew.js. */
function version(): string {
  const about: unknown = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
  return typeof about === 'object' && about !== null && 'version' in about ? String(about.version) : 'unknown';
}

// `curfew roster export | head`: the reader has gone, and that is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

// Whatever it makes is its owner's alone.
process.umask(0o077);

// Before all else is loaded, which takes a while: one that comes so soon would end the server, which reads its certificate later anyway.
if (process.argv[2] === 'serve') process.on('SIGHUP', () => {});

const { run } = await import('./program.ts');
process.exitCode = await run(process.argv, version());
