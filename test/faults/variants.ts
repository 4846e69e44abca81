import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../support/process.ts';
import { ROOT } from '../support/root.ts';
import type { Experiment } from './experiment.ts';
import type { Row } from './run.ts';

/** Of the compiled program, one text that is another in a broken variant. The file is one below dist/. */
export interface Change {
  file: string;
  find: string;
  replace: string;
}

/** What each broken variant has broken. The program itself has no switch for any of it. */
export const VARIANTS: Readonly<Record<string, readonly Change[]>> = {
  /** 250, and then the commit. */
  'answers-before-commit': [
    {
      file: 'src/smtp/session.js',
      find: "return { text: replyText('2.0.0', await doors.receive(envelope, raw)) };",
      replace: "void doors.receive(envelope, raw).catch(() => {}); return { text: replyText('2.0.0', 'Accepted') };",
    },
  ],
  /** Whatever there is room for, it says that there is none. */
  'takes-nothing': [
    {
      file: 'src/main.js',
      find: 'const to = await anyDestination(seams.db, identity.domain, recipient);',
      replace: "throw new Refusal('storage-unavailable');",
    },
  ],
  /** What is committed is on the disk when the kernel likes. */
  'no-fsync': [
    {
      file: 'src/store/database.js',
      find: "database.pragma('synchronous = FULL');",
      replace: "database.pragma('synchronous = OFF');",
    },
  ],
  /** A copy is delivered, and then it is sent. */
  'marks-before-sending': [
    {
      file: 'src/delivery/work.js',
      find: "await settle(copy, settlement, { passing: behind.passing.get(copy.id), kept: 'held' in mail ? mail.kept : undefined });",
      replace: '',
    },
    {
      file: 'src/delivery/work.js',
      find: 'const settlement = await sendOne(',
      replace: "await settle(copy, { state: 'delivered', response: 'sent' }); await sendOne(",
    },
  ],
  /** Each copy goes out, and goes out again. */
  'sent-twice': [
    {
      file: 'src/delivery/work.js',
      find: 'const outcome = await send({ from, to: copy.address, raw: mail.raw });',
      replace:
        'await send({ from, to: copy.address, raw: mail.raw }); const outcome = await send({ from, to: copy.address, raw: mail.raw });',
    },
  ],
  /** Whoever had a copy once sends it, however long he stood still. */
  'no-lease': [
    {
      file: 'src/delivery/work.js',
      find: 'const mayGo = () => !signal?.aborted && clock.now() < lease.until;',
      replace: 'const mayGo = () => true;',
    },
  ],
  /** A copy that another process has just taken is taken from it. */
  'leased-twice': [
    {
      file: 'src/store/deliveries.js',
      find: ".where('state', 'in', WAITING)\n        .returningAll()",
      replace: '.returningAll()',
    },
  ],
  /** It starts on whatever is there. */
  'no-integrity-check': [{ file: 'src/main.js', find: 'const [fault] = await damage;', replace: 'const fault = undefined;' }],
  /** Nor does it look whether what it last had is still there. */
  'no-end-noted': [{ file: 'src/main.js', find: 'const lost = await lostLine(db, path);', replace: 'const lost = null;' }],
  /** What waited in the backup goes out. */
  'restore-sends-again': [
    { file: 'src/backup/restore.js', find: "copies: await deliveries.holdOpen(trx, 'restored', now),", replace: 'copies: 0,' },
  ],
  /** Octets are written into a backup as if they were text. */
  'octets-as-text': [
    {
      file: 'src/backup/archive.js',
      find: "{ base64: Buffer.from(value).toString('base64') }",
      replace: "{ base64: Buffer.from(Buffer.from(value).toString('utf8')).toString('base64') }",
    },
  ],
  /** What the engine could not write is taken all the same. */
  'storage-faults-ignored': [
    {
      file: 'src/main.js',
      find: "throw new Refusal('storage-unavailable', undefined, String(error));",
      replace: "return 'Accepted';",
    },
  ],
  /** What goes wrong once is the end of a loop that sends. */
  'stops-at-fault': [
    {
      file: 'src/delivery/work.js',
      find: "const stumbled = (error) => log.error({ err: error }, 'delivery stumbled and goes on');",
      replace: 'const stumbled = () => { signal = AbortSignal.abort(); };',
    },
  ],
  /** What goes wrong once is the end of the loop that releases. */
  'releases-end-at-fault': [
    {
      file: 'src/embargo/loop.js',
      find: "log.error({ case: due.id, reason, detail }, 'a release that is due did not happen');",
      replace: "log.error({ case: due.id, reason, detail }, 'a release that is due did not happen'); throw error;",
    },
    {
      file: 'src/embargo/loop.js',
      find: "log.error({ err: error }, 'the release loop stumbled and goes on');",
      replace: 'return;',
    },
  ],
  /** What cannot be logged happens all the same. */
  'unlogged-all-the-same': [
    {
      file: 'src/audit/record.js',
      find: 'await audit.append(trx, rows, end);',
      replace: 'await audit.append(trx, rows, end).catch(() => {});',
    },
  ],
  /** A relay that refuses a copy for good is asked again. */
  'deferred-on-5xx': [
    {
      file: 'src/delivery/outcome.js',
      find: "{ state: 'failed', reason: 'rejected', response };",
      replace: "{ state: 'deferred', reason: 'try-later', response };",
    },
  ],
  /** A relay that asks for patience is taken for one that refuses. */
  'failed-on-4xx': [
    {
      file: 'src/delivery/outcome.js',
      find: 'isTransaction(failure) && failure.responseCode >= 500',
      replace: 'isTransaction(failure) && failure.responseCode >= 400',
    },
  ],
  /** What is sent again is another mail for its reader. */
  'new-message-id': [
    {
      file: 'src/delivery/prepare.js',
      find: 'sealedMail(fields, copy.message_id,',
      replace: "sealedMail(fields, '<' + Math.random() + '@orbit.example>',",
    },
  ],
  /** What the relay puts off once has failed. */
  'given-up-at-once': [
    {
      file: 'src/delivery/work.js',
      find: "if (now - (copy.tried_at ?? now) >= patience)\n        return { state: 'failed'",
      replace: "if (true)\n        return { state: 'failed'",
    },
  ],
  /** Nobody hears of a copy that has failed. */
  untold: [
    {
      file: 'src/delivery/tell.js',
      find: 'const untold = await deliveries.untold(db, MOST_IN_A_MAIL);',
      replace: 'const untold = [];',
    },
  ],
  /** Whatever the date says is the time. */
  'clock-believed': [
    {
      file: 'src/embargo/clock-trust.js',
      find: 'return doubtOf(line, reading) ? ought : Math.min(reading.wall, ought);',
      replace: 'return reading.wall;',
    },
    { file: 'src/embargo/clock-trust.js', find: 'if (apart > BOUND + line.slack)', replace: 'if (false)' },
    { file: 'src/embargo/clock-trust.js', find: 'if (apart < -BOUND)', replace: 'if (false)' },
  ],
  /** It is as late as the later of the two clocks says. */
  'later-of-clocks': [
    { file: 'src/embargo/clock-trust.js', find: 'Math.min(reading.wall, ought)', replace: 'Math.max(reading.wall, ought)' },
  ],
  /** Whatever may leave may leave now. */
  'no-gate': [{ file: 'src/embargo/gate.js', find: 'if (now < release_at)', replace: 'if (false)' }],
  /** Whoever comes second to release a case does it as well. */
  'not-guarded': [
    {
      file: 'src/embargo/release.js',
      find: 'if (!(await cases.change(trx, seen, { ...to, ...told })))',
      replace: 'if (!(await cases.change(trx, seen, { ...to, ...told })) && false)',
    },
  ],
  /** Whoever releases a case is told that somebody else was faster. */
  'never-released': [
    {
      file: 'src/embargo/release.js',
      find: "if (seen.state === 'released')",
      replace: "if (seen.state === 'armed') throw new Refusal('stale'); if (seen.state === 'released')",
    },
  ],
  /** What is public may be worded otherwise afterwards. */
  'reworded-after-release': [
    { file: 'src/cases/step.js', find: 'if (!when(found))', replace: "if (step !== 'describe' && !when(found))" },
  ],
  /** What comes in is on standard error. */
  'mail-logged': [
    {
      file: 'src/post/receive.js',
      find: 'const outside = parseMessage(mail.raw);',
      replace: 'const outside = parseMessage(mail.raw); process.stderr.write(mail.raw);',
    },
  ],
  /** So is a patch that is uploaded. */
  'patch-logged': [
    {
      file: 'src/embargo/schedule.js',
      find: 'if (file.bytes.length === 0)',
      replace: 'process.stderr.write(file.bytes); if (file.bytes.length === 0)',
    },
  ],
  /** Each copy says who else has one. */
  'all-recipients': [
    {
      file: 'src/delivery/work.js',
      find: 'const going = attempt(copy, mail)',
      replace: `if ('raw' in mail) mail.raw = [Buffer.from('X-Also: ' + batch.map(({ address }) => address).join() + '\\r\\n'), ...mail.raw];
        const going = attempt(copy, mail)`,
    },
  ],
  /** A reporter is told who else may get what he wrote. */
  'reporter-told-members': [
    {
      file: 'src/notices/templates.js',
      find: "'Whoever knows that address can write into the case: please keep it to yourself.',",
      replace: `'Whoever knows that address can write into the case: please keep it to yourself.',
        'It may go to alpha@alpha.example, beta@beta.example.',`,
    },
  ],
  /** What the world did wrong is thrown as if it were a mistake of ours. */
  thrown: [{ file: 'src/pgp/message.js', find: "throw new Refusal('cannot-open', undefined,", replace: 'throw new TypeError(' }],
  /** A mail is taken with whatever line ends it has. */
  'bare-line-ends-taken': [
    {
      file: 'src/smtp/data.js',
      find: 'if (octet === 0 || (octet === LF && before !== CR) || (before === CR && octet !== LF))',
      replace: 'if (false)',
    },
  ],
  /** A move that is asked for by REST fails in another way than by refusing. */
  'hold-fails': [
    {
      file: 'src/delivery/by-hand.js',
      find: "hold: takingOut('hold', deliveries.hold, 'queued or deferred can be held'),",
      replace: "hold: async () => { throw new TypeError('hold'); },",
    },
  ],
  /** So does a read, where what it names is there. */
  'timeline-fails': [
    {
      file: 'src/http/case-public.js',
      find: 'return rows.map((row) => ({ ...row, id: String(row.seq) }));',
      replace: "throw new TypeError('read');",
    },
  ],
  /** So does one with a filter. */
  'filter-fails': [
    {
      file: 'src/http/deliveries.js',
      find: 'const { list, ...filter } = query;',
      replace: "if (query.caseId !== undefined) throw new TypeError('filter'); const { list, ...filter } = query;",
    },
  ],
  /** What was wrong with a request is told in another form than that of all problems. */
  'other-problems': [
    {
      file: 'src/http/problem.js',
      find: 'return reply.code(http).type(PROBLEM).',
      replace: "return reply.code(http).type('application/json').",
    },
  ],
  /** What ended the process is read again, however often. */
  uncounted: [{ file: 'src/store/begun.js', find: 'one.before < MOST', replace: 'one.before < Infinity' }],
  /** What is read a second time is refused, and nobody can send it again. */
  'refused-for-good': [
    {
      file: 'src/post/receive.js',
      find: "const to = { list, purpose: 'owner', case: null, deliveryId: null };",
      replace: "throw new Refusal('malformed-mail'); const to = { list, purpose: 'owner', case: null, deliveryId: null };",
    },
  ],
  /** Now and then a copy is taken for sent that is not. */
  'marked-unsent': [
    {
      file: 'src/delivery/work.js',
      find: 'const outcome = await send(',
      replace: "if (Math.random() < 0.02) return { state: 'delivered', response: '250 2.0.0 ok' }; const outcome = await send(",
    },
  ],
};

/**
 * A copy of the project in `folder`, compiled, with those texts replaced. `dist` has the experiments as well (test/tsconfig.run.json).
 * Throws where a text is not there exactly once: then the variant would be the program as it is, or something unknown.
 */
export function makeVariant(folder: string, changes: readonly Change[], dist = join(ROOT, 'dist')): void {
  cpSync(dist, join(folder, 'dist'), { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  for (const { file, find, replace } of changes) {
    const path = join(folder, 'dist', file);
    const pieces = readFileSync(path, 'utf8').split(find);
    if (pieces.length !== 2) throw new Error(`${file} has ${pieces.length - 1} times, not once: ${find}`);
    writeFileSync(path, pieces.join(replace));
  }
}

/** What an experiment says of a variant that stands in `folder`: it runs there, as a process of its own. */
export async function runVariant(
  folder: string,
  { name }: Experiment,
  { rounds, seed }: { rounds: number; seed: number },
): Promise<Row> {
  const main = join(folder, 'dist', 'test', 'faults', 'main.js');
  const args = [main, name, '--rounds', String(rounds), '--seed', String(seed), '--until-fault', '--json'];
  const { stdout, stderr, code } = await run(process.execPath, args);
  const line = stdout.trimEnd().split('\n').at(-1) ?? '';
  if (!line.startsWith('[')) throw new Error(`${name} ended with ${code} and said: ${stdout}${stderr}`);
  const [row]: Row[] = JSON.parse(line);
  if (!row) throw new Error(`${name} has no row`);
  return row;
}
