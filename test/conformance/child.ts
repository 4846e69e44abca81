/** Examines the mails that its parent sends, one after the other. It is killed where one of them hangs. */
import { createPgp } from '../../src/pgp/pool.ts';
import type { Task } from './cases.ts';
import { type Examined, examine } from './examine.ts';

/** `grown`: octets by which the process has grown at its most, since it was ready. */
export type Answer = { examined: Examined; grown: number } | { failed: string } | { ready: true };

const pgp = createPgp(1);
const peak = () => process.resourceUsage().maxRSS * 1024;
const say = (answer: Answer) => process.send?.(answer);

// Everything is loaded, and the threads run, before anything is measured.
const warm = Buffer.from('From: a@x.example\r\nSubject: x\r\n\r\nx\r\n');
await examine({ raw: warm, sender: 'a@x.example', secret: null, known: [] }, pgp);
const base = peak();

process.on('message', (task: Task) => {
  examine(task, pgp).then(
    (examined) => say({ examined, grown: peak() - base }),
    (error: unknown) => say({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
say({ ready: true });
