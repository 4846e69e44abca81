import { execFileSync, spawnSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { start } from '../support/process.ts';

/** Why calls of a process cannot be traced here, or null. */
export function untraceable(): string | null {
  return spawnSync('strace', ['-f', '-qq', '-o', '/dev/null', 'true']).status === 0 ? null : 'strace is absent, or may not trace';
}

/** Why nothing can be mounted here, or null. */
export function unmountable(): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'mounting needs Linux, and root';
  return spawnSync('losetup', ['-f']).status === 0 ? null : 'there is no loop device';
}

export function command(name: string, ...args: string[]): string {
  return execFileSync(name, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Mounts on the folder, by the options and the source that end the list; gives how to take it down, which waits until nobody uses it. */
export function mounted(dir: string, ...how: string[]): () => Promise<void> {
  command('mount', ...how, dir);
  const atExit = () => void spawnSync('umount', ['-l', dir]);
  process.once('exit', atExit);
  return async () => {
    process.off('exit', atExit);
    for (let tries = 0; spawnSync('umount', [dir]).status !== 0; tries++) {
      if (tries > 50) throw new Error(`${dir} cannot be unmounted`);
      await pause(100);
    }
  };
}

/** strace on a process that runs and on all of its threads, from when it resolves until it is ended; then the process goes on. */
export async function traced(pid: number, ...args: string[]): Promise<() => Promise<void>> {
  const strace = start('strace', ['-f', '-p', String(pid), ...args]);
  await strace.line(/Process \d+ attached/);
  return async () => {
    await strace.kill('SIGINT');
  };
}
