/**
 * `npm run conformance [-- --freeze]`: every mail of the corpora through the receiving route, and a table of what came of
 * it. Exit 1 where a verdict is neither the expected nor an excused one, or is not the frozen one. `--freeze` writes those anew.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Case, Task } from './cases.ts';
import type { Answer } from './child.ts';
import { casesOf, corpora } from './corpora.ts';
import type { Examined } from './examine.ts';
import { frozenFile, frozenText, frozenVerdicts, type Verdicts } from './frozen.ts';
import { type Judged, judge, LIMITS } from './judge.ts';

/** A mail that takes longer hangs, and is ended with its process. */
const HANGS = 20_000;

interface Examiner {
  examine(task: Task): Promise<{ examined: Examined; grown: number }>;
  end(): void;
}

function examiner(): Examiner {
  let child: ChildProcess | undefined;
  // A child that is killed leaves its files.
  const folder = mkdtempSync(join(tmpdir(), 'curfew-conformance-'));
  const answered = (from: ChildProcess, ms: number) =>
    new Promise<Answer | 'hang' | 'crash'>((resolve) => {
      const timer = setTimeout(() => settle('hang'), ms);
      const gone = () => settle('crash');
      const settle = (answer: Answer | 'hang' | 'crash') => {
        clearTimeout(timer);
        from.off('message', settle);
        from.off('exit', gone);
        resolve(answer);
      };
      from.once('message', settle);
      from.once('exit', gone);
    });
  return {
    async examine({ raw, sender, secret, known }) {
      if (!child) {
        child = fork(join(import.meta.dirname, 'child.js'), {
          serialization: 'advanced',
          env: { ...process.env, TMPDIR: folder },
        });
        await answered(child, 3 * HANGS);
      }
      const began = performance.now();
      const waiting = answered(child, HANGS);
      child.send({ raw, sender, secret, known });
      const answer = await waiting;
      if (typeof answer === 'object' && 'examined' in answer) return answer;
      child.kill('SIGKILL');
      child = undefined;
      const reason = typeof answer === 'object' && 'failed' in answer ? answer.failed : null;
      const outcome = answer === 'hang' ? ('hang' as const) : ('crash' as const);
      const nothing = { credited: null, seen: null, copy: null, payload: null, other: { text: '', files: [] } };
      return { examined: { ...nothing, outcome, reason, ms: performance.now() - began }, grown: 0 };
    },
    end: () => {
      child?.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Another program may have had the machine: what was slow is measured once more. */
async function measured(by: Examiner, mail: Case): Promise<{ got: Examined; grown: number }> {
  const first = await by.examine(mail);
  if (first.examined.ms <= LIMITS.ms || first.examined.outcome === 'hang') return { got: first.examined, grown: first.grown };
  const second = await by.examine(mail);
  return { got: second.examined, grown: Math.max(first.grown, second.grown) };
}

const wanted = ({ expected }: Case) =>
  [expected.outcome.join('/'), ...(expected.signer ? [expected.signer.slice(0, 8)] : [])].join(' ');

async function runCorpus(name: string, by: Examiner, frozen: Verdicts): Promise<{ failed: number; verdicts: Verdicts }> {
  const cases = await casesOf(name);
  if ('absent' in cases) {
    process.stdout.write(`\n${name}: skipped, ${cases.absent}\n`);
    return { failed: 0, verdicts: new Map() };
  }
  process.stdout.write(`\n== ${name}\n${row('file', 'class', 'expected', 'got', '')}`);
  const verdicts: Verdicts = new Map();
  const count = { ok: 0, exceptions: 0, failed: 0 };
  let slowest = 0;
  let largest = 0;
  for (const mail of cases) {
    const { got, grown } = await measured(by, mail);
    const judged: Judged = judge(mail, got);
    if (grown > LIMITS.octets) judged.problems.push(`grew by ${grown >> 20} MiB`);
    const was = frozen.get(`${name}/${mail.file}`);
    if (was !== undefined && was !== judged.verdict) judged.problems.push(`frozen: ${was}`);
    verdicts.set(`${name}/${mail.file}`, judged.verdict);
    const excused = judged.exception !== undefined && was === judged.verdict;
    const state = judged.problems.length === 0 ? 'ok' : excused ? 'exceptions' : 'failed';
    count[state] += 1;
    const said = state === 'ok' ? 'ok' : state === 'exceptions' ? 'exception' : `FAILED: ${judged.problems.join('; ')}`;
    process.stdout.write(row(mail.file, mail.class, wanted(mail), judged.verdict, said));
    if (got.reason && (got.outcome === 'crash' || got.outcome === 'hang')) process.stdout.write(`${got.reason}\n`);
    slowest = Math.max(slowest, got.ms);
    largest = Math.max(largest, grown);
  }
  const figures = `slowest ${Math.round(slowest)} ms, process grew by ${largest >> 20} MiB`;
  process.stdout.write(
    `-- ${name}: ${cases.length} mails, ${count.ok} as expected, ${count.exceptions} exceptions, ${count.failed} failed; ${figures}\n`,
  );
  return { failed: count.failed, verdicts };
}

function row(...cells: string[]): string {
  const widths = [62, 34, 30, 58];
  return `${cells
    .map((cell, at) => (cell.length > 60 && at < 2 ? `${cell.slice(0, 57)}...` : cell).padEnd(widths[at] ?? 0))
    .join('  ')
    .trimEnd()}\n`;
}

const freeze = process.argv.includes('--freeze');
const frozen = freeze ? new Map<string, string>() : frozenVerdicts();
const by = examiner();
// A corpus that is not there keeps what it has.
const all: Verdicts = frozenVerdicts();
let failed = 0;
for (const name of corpora) {
  const done = await runCorpus(name, by, frozen);
  failed += done.failed;
  for (const [key, verdict] of done.verdicts) all.set(key, verdict);
}
by.end();
if (freeze) writeFileSync(frozenFile, frozenText(all));
process.exitCode = failed > 0 ? 1 : 0;
