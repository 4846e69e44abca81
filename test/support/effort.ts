/**
 * Starts to count the milliseconds that this process calculates; each call of the answer gives those since. What a limit is
 * about is work, and a machine that is busy with something else makes none.
 */
export function effort(): () => number {
  const begin = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(begin);
    return (user + system) / 1000;
  };
}
