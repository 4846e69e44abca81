/**
 * Starts to count the milliseconds that this process calculates; each call of the answer gives those since. What a limit is
 * about is work, and a machine that is busy with something else makes none. On one that calculates more slowly than the one on
 * which the limits were written, which other work shows before and after, they are milliseconds of that one.
 */
export function effort(): () => number {
  const before = slowness();
  const took = processorTime();
  return () => {
    const spent = took();
    return spent / Math.max(1, before, slowness());
  };
}

/** The same, as they are: to be held against one another, thousands of times. */
export function processorTime(): () => number {
  const begin = process.cpuUsage();
  return () => since(begin);
}

function since(begin: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(begin);
  return (user + system) / 1000;
}

/** What `work` takes, once it is compiled, on a machine of 2026 with nothing else to do: 17.3 to 18.4 ms. */
const USUAL_MS = 18;
const OCTETS = Buffer.alloc(2 ** 21, 'From nobody to anybody\n');

/** How many times longer than there the same work takes here and now. */
function slowness(): number {
  const took = processorTime();
  work();
  return took() / USUAL_MS;
}

/** Of the kind that is measured: octets are searched, and some of them made text. */
function work(): number {
  let letters = 0;
  for (let at = OCTETS.indexOf('\nFrom'); at >= 0; at = OCTETS.indexOf('\nFrom', at + 1))
    letters += OCTETS.toString('latin1', at, at + 20).length;
  return letters;
}

// The first time is longer: it is compiled.
work();
