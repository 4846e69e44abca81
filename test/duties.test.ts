import { expect, test } from 'vitest';
import { createAlarm, systemClock } from '../src/clock.ts';
import { type Duty, dutyLoop } from '../src/duties.ts';
import { createLog } from '../src/log.ts';

/** Runs them once, and what was logged of it. */
async function once(duties: (stopping: AbortController) => Duty[]): Promise<string> {
  const lines: string[] = [];
  const stopping = new AbortController();
  const log = createLog('trace', { write: (line) => void lines.push(line) });
  await dutyLoop(duties(stopping), createAlarm(systemClock), () => undefined, log, stopping.signal);
  return lines.join('');
}

test('a duty that fails keeps no other from running, and is told of', async () => {
  const fails: Duty = { name: 'fails', run: () => Promise.reject(new Error('the disk is full')) };
  let ran = false;
  const said = await once((stopping) => [
    fails,
    {
      name: 'last',
      run: async () => {
        ran = true;
        stopping.abort();
        return false;
      },
    },
  ]);
  expect(ran).toBe(true);
  expect(said).toContain('"duty":"fails"');
});

test('at a stop what is under way hears of it, what fails then is no fault, and nothing else is begun', async () => {
  const ran: string[] = [];
  const said = await once((stopping) => [
    {
      name: 'long',
      run: async (signal) => {
        ran.push('long');
        stopping.abort();
        signal.throwIfAborted();
        return false;
      },
    },
    { name: 'next', run: async () => ran.push('next') > 0 },
  ]);
  expect(ran).toEqual(['long']);
  expect(said).not.toContain('could not be done');
});
