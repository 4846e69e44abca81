import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { type Instant, parseInstant, systemClock, toIso } from '../clock.ts';
import { CONFIG_HERE, loadConfig } from '../config.ts';
import { spanWords } from '../embargo/calendar.ts';
import {
  type Answer,
  answerInIso,
  boundsInIso,
  checkRelease,
  type NamedPolicy,
  type Policy,
  type Start,
  type Starts,
  type Violation,
} from '../embargo/policy.ts';
import { allPolicies, type OwnPolicies, policyNamed } from '../embargo/presets.ts';
import { misused } from './client.ts';
import { collect, columns, print } from './local.ts';

interface Options {
  config?: string;
  json?: true;
}

interface CheckOptions extends Options {
  policy: string[];
  report?: string;
  notice?: string;
  fixReady?: string;
  firstPost?: string;
  release: string;
  reason?: string;
  now?: string;
}

export function register(program: Command): void {
  const policy = program.command('policy').description('the dates that a team binds itself to');
  const add = (name: string, description: string) =>
    policy
      .command(name)
      .description(description)
      .option('--config <file>', "the configuration with the project's own (default: ./config.json, where it is there)")
      .option('--json', 'print JSON');
  add('list', 'list the presets, and those of the project').action(list);
  add('show', 'show one, as it can be written into the configuration').argument('<name>').action(show);
  const instant = 'as in 2026-09-22T16:00:00Z';
  add('check', 'say whether a release may be at an instant, and which rules it breaks; exit 1 where it breaks one')
    .requiredOption('--policy <name>', 'a policy; may be given again: then the strictest rule counts', collect)
    .option('--report <instant>', `when the report was accepted, ${instant}`)
    .option('--notice <instant>', 'when distributors are told')
    .option('--fix-ready <instant>', 'when the fix was ready')
    .option('--first-post <instant>', 'when it was first posted to the distributors')
    .requiredOption('--release <instant>', 'when it is to be public')
    .option('--reason <words>', 'why it may be longer, or noticed later, than usual')
    .option('--now <instant>', 'look at it as of then (default: now)')
    .action(check);
}

function ownOf({ config }: Options): OwnPolicies {
  if (config === undefined && !existsSync(CONFIG_HERE)) return { policy: [], policies: {}, holidays: [] };
  const { embargo } = loadConfig(config ?? CONFIG_HERE);
  return structuredClone(embargo) as OwnPolicies;
}

function list(options: Options): void {
  const all = allPolicies(ownOf(options));
  const rows = all.map(({ name, policy }) => [name, ...summary(policy)]);
  print(options, all, columns([['NAME', 'CLOCK', 'NOTICE', 'EMBARGO', 'FROM REPORT', 'RELEASE'], ...rows]));
}

function show(name: string, options: Options): void {
  const { policy } = policyNamed(allPolicies(ownOf(options)), name);
  print(options, policy, [JSON.stringify(policy, null, 2)]);
}

function check(options: CheckOptions): void {
  const all = allPolicies(ownOf(options));
  const policies = options.policy.flatMap((names) => names.split(',')).map((name) => policyNamed(all, name));
  const now = options.now === undefined ? systemClock.now() : given(options.now, '--now');
  const release = parseInstant(options.release);
  if (release === undefined && /([Zz]|(?!-00:00)[+-]\d\d:\d\d)$/.test(options.release))
    throw badInstant('--release', options.release);
  const starts: Starts = {};
  const named: [Start, string | undefined][] = [
    ['report', options.report],
    ['notice', options.notice],
    ['fix-ready', options.fixReady],
    ['first-post', options.firstPost],
  ];
  for (const [start, text] of named) if (text !== undefined) starts[start] = given(text, `--${start}`);
  const answer = release === undefined ? withoutOffset(options.release) : checked(policies, { release, now, starts }, options);
  if (!answer.ok) process.exitCode = 1;
  print(options, answerInIso(answer), toldToPeople(answer));
}

function checked(
  policies: readonly NamedPolicy[],
  dates: { release: Instant; now: Instant; starts: Starts },
  { reason }: CheckOptions,
): Answer {
  return checkRelease(policies, { ...dates, reason: reason?.trim() || null });
}

/** "9am PT": whose clock it means, and whether that is in summer time, nobody can know. */
function withoutOffset(text: string): Answer {
  const message = `"${text}" has no offset from UTC: write it as in 2026-09-22T16:00:00Z`;
  return { ok: false, violations: [{ code: 'NO_UTC_OFFSET', policy: null, message }], unchecked: [] };
}

function given(text: string, option: string): Instant {
  const instant = parseInstant(text);
  if (instant === undefined) throw badInstant(option, text);
  return instant;
}

function badInstant(option: string, text: string) {
  return misused(`${option}: "${text}" is no instant with its offset from UTC (RFC 3339), as in 2026-09-22T16:00:00Z`);
}

function toldToPeople({ ok, violations, suggestion, unchecked }: Answer): string[] {
  return [
    ...(ok ? ['The release may be then.'] : violations.map(lineOf)),
    ...unchecked,
    ...(ok ? [] : instead(violations, suggestion)),
  ];
}

/** What was no instant was not held against any rule. */
function instead(violations: Answer['violations'], suggestion: Instant | undefined): string[] {
  if (suggestion !== undefined) return [`Try ${toIso(suggestion)}`];
  return violations.some(({ code }) => code === 'NO_UTC_OFFSET') ? [] : ['No instant breaks none of these rules.'];
}

function lineOf(violation: Violation): string {
  const { code, policy, message } = violation;
  const bound = Object.entries(boundsInIso(violation)).map(([name, at]) => ` (${name} ${at})`);
  return `${code}${policy === null ? '' : ` by ${policy}`}: ${message}${bound.join('')}`;
}

function summary({ clock, notice, noticeBy, embargo, longerWithReason, fromReport, slot }: Policy): string[] {
  const { time, weekdays, weekends } = slot;
  const days = weekdays?.join(' ') ?? (weekends ? '' : 'not sat, sun');
  const words = (span: Policy['notice']) => (span === null ? '-' : spanWords(span));
  return [
    clock,
    [notice && spanWords(notice), noticeBy && `within ${spanWords(noticeBy)} of the report`].filter(Boolean).join(', ') || '-',
    `${words(embargo)}${longerWithReason ? ` (${spanWords(longerWithReason)} with a reason)` : ''}`,
    words(fromReport),
    [time && `${time} UTC`, days].filter(Boolean).join(' ') || 'any',
  ];
}
