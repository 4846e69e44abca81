import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './process.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** Worker threads and whole processes run dist/: it is built anew where a source is newer, so that no test runs old code. */
export default async function setup(): Promise<void> {
  const old = staleSource(ROOT);
  if (old === null) return;
  const { code, stdout } = await run(
    join(ROOT, 'node_modules', '.bin', 'tsc'),
    ['-p', 'tsconfig.build.json', '--noEmitOnError'],
    { cwd: ROOT },
  );
  if (code !== 0) throw new Error(`dist is older than ${old}, and cannot be built:\n${stdout}`);
}

/** A source below `root` that was changed after it was built, or was never built; null where there is none. */
export function staleSource(root: string): string | null {
  for (const folder of ['src', 'migrations'])
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts') || name.endsWith('.d.ts')) continue;
      const [source, built] = [join(folder, name), join('dist', folder, name.replace(/\.ts$/, '.js'))].map((path) => ({
        path,
        changed: statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0,
      }));
      if (source && built && source.changed > built.changed) return source.path;
    }
  return null;
}
