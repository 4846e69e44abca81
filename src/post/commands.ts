import type { Acknowledged } from '../store/schema.ts';
import { isEnd, lineOf, listIn, TOO_LONG } from './line.ts';

/** What somebody asks a list for by mail. */
export type Command =
  | { name: 'help' | 'subscribe' | 'unsubscribe' | 'certificate' | 'key' | 'held' }
  | { name: 'update-certificate'; fingerprint: string }
  | { name: 'prove'; nonce: string }
  | { name: 'vouch'; organisation: string; statement: string }
  | { name: 'archive'; caseId: string }
  | { name: 'acknowledge'; caseId: string; status: Acknowledged }
  | { name: 'approve'; caseId: string; hash: string }
  | { name: 'accept' | 'hold'; postId: string }
  | { name: 'reject'; postId: string; reason: string };

interface Row {
  /** Of the commands that it reads. */
  name: Command['name'];
  /** As people write it. */
  usage: string;
  /** Over a line without the blanks at its ends, in any case. */
  pattern: RegExp;
  /** Of the response team alone. */
  team: boolean;
  help: string;
  read: (match: RegExpExecArray) => Command;
}

const CASE = '([A-Za-z][A-Za-z0-9-]*-\\d{4}-\\d{4,})';
const POST = '([0-9a-z]{26})';
const words = (pattern: string) => new RegExp(`^${pattern}$`, 'i');

/** Every command, in the order in which help shows them. */
export const grammar: readonly Row[] = [
  row('help', 'help', 'help', 'this text', () => ({ name: 'help' })),
  row('subscribe', 'subscribe', 'subscribe', 'send me what this list distributes', () => ({ name: 'subscribe' })),
  row('unsubscribe', 'unsubscribe', 'unsubscribe', 'do not send it to me', () => ({ name: 'unsubscribe' })),
  row('certificate', 'certificate', 'certificate', 'show the certificate that you have of me', () => ({ name: 'certificate' })),
  row(
    'update-certificate',
    'certificate update FINGERPRINT',
    'certificate\\s+update\\s+((?:[0-9a-f]{4} ?){10,16})',
    'take the one that is attached and has it; sign with the old one',
    ([, written = '']) => ({ name: 'update-certificate', fingerprint: written.replaceAll(' ', '').toUpperCase() }),
  ),
  row('prove', 'prove WORDS', 'prove\\s+([0-9a-z]{20,64})', 'the words that were sent to your certificate', ([, nonce = '']) => ({
    name: 'prove',
    nonce: nonce.toLowerCase(),
  })),
  row(
    'vouch',
    'vouch for ORGANISATION: WORDS',
    'vouch\\s+for\\s+([^:]{1,200}?)\\s*:\\s*(.{1,1000})',
    'you know an applicant; say how',
    ([, organisation = '', statement = '']) => ({ name: 'vouch', organisation, statement }),
  ),
  row('key', 'key', 'key', "send me this list's certificate", () => ({ name: 'key' })),
  row('archive', 'archive CASE', `archive\\s+${CASE}`, 'send me what was written in a case', ([, id = '']) => ({
    name: 'archive',
    caseId: id.toUpperCase(),
  })),
  row(
    'acknowledge',
    'acknowledge CASE [STATUS]',
    `ack(?:nowledge)?\\s+${CASE}(?:\\s+(affected|not[ _-]*affected|problem))?`,
    'I have the patches of a case; and am: affected, not affected; or: problem',
    ([, id = '', status = 'acknowledged']) => ({
      name: 'acknowledge',
      caseId: id.toUpperCase(),
      status: /^not/i.test(status) ? 'not_affected' : (status.toLowerCase() as Acknowledged),
    }),
  ),
  row(
    'approve',
    'approve CASE HASH',
    `approve\\s+${CASE}\\s+([0-9a-f]{64})`,
    'I have read what has that hash, and approve it',
    ([, id = '', hash = '']) => ({ name: 'approve', caseId: id.toUpperCase(), hash: hash.toLowerCase() }),
    true,
  ),
  row('held', 'held', 'held', 'list the posts that wait for a decision', () => ({ name: 'held' }), true),
  row(
    'accept',
    'accept POST',
    `accept\\s+${POST}`,
    'distribute a held post',
    ([, id = '']) => ({ name: 'accept', postId: id.toLowerCase() }),
    true,
  ),
  row(
    'reject',
    'reject POST [REASON]',
    `reject\\s+${POST}(?:\\s+(.{1,500}))?`,
    'refuse it; the reason is told to its writer',
    ([, id = '', reason = '']) => ({
      name: 'reject',
      postId: id.toLowerCase(),
      reason,
    }),
    true,
  ),
  row(
    'hold',
    'hold POST',
    `hold\\s+${POST}`,
    'stop the copies of a post that have not gone out',
    ([, id = '']) => ({ name: 'hold', postId: id.toLowerCase() }),
    true,
  ),
];

function row(name: Row['name'], usage: string, pattern: string, help: string, read: Row['read'], team = false): Row {
  return { name, usage, pattern: words(pattern), team, help, read };
}

/** A line that is no command, by its number in the text (from 1); what its program broke into several is one, as its writer saw it. */
export interface Problem {
  line: number;
  text: string;
}

export interface ParsedRequest {
  commands: Command[];
  /** The list that the writer named (`list ADDRESS`), in lower case. */
  list: string | null;
  problems: Problem[];
}

/** More than this is no request that a person wrote. */
const MOST_LINES = 500;
export const MOST_COMMANDS = 20;

/**
 * Reads a request, a command a line. Empty lines, quoted ones and what follows a signature's `-- ` are passed over; anything
 * else that is not understood is a problem, and with one of them nothing is to be run. Only a vouch's and a rejection's own words
 * may go on in the lines below, where those above are full.
 */
export function parseRequest(text: string): ParsedRequest {
  const parsed: ParsedRequest = { commands: [], list: null, problems: [] };
  // The lines of the command that may go on in the next one.
  let above: string[] = [];
  for (const [index, written] of text.split('\n', MOST_LINES + 1).entries()) {
    if (index === MOST_LINES) {
      parsed.problems.push({ line: index + 1, text: 'there are too many lines' });
      break;
    }
    if (isEnd(written)) break;
    const line = lineOf(written);
    const before: string[] = above;
    above = [];
    if (line === undefined) parsed.problems.push({ line: index + 1, text: TOO_LONG });
    if (!line) continue;
    const list = listIn(line);
    const command = list === undefined ? commandOf(line) : undefined;
    const longer = command || !wasBroken(before.at(-1), line) ? undefined : commandOf([...before, line].join(' '));
    if (list !== undefined && mayName(parsed, list)) parsed.list = list;
    else if (command) parsed.commands.push(command);
    else if (longer) parsed.commands.splice(-1, 1, longer);
    else parsed.problems.push({ line: index + 1, text: line.slice(0, 80) });
    if (command && ENDS_IN_WORDS.has(command.name)) above = [line];
    else if (longer) above = [...before, line];
  }
  return parsed;
}

/** What a mail to other people begins with. */
export interface Acknowledging {
  command: Extract<Command, { name: 'acknowledge' }>;
  /** There is more in it. */
  more: boolean;
}

/**
 * The acknowledgement that a text begins with, below at most a salutation: a line that ends in a comma or an exclamation mark. Null where
 * it begins otherwise.
 */
export function acknowledgementIn(text: string): Acknowledging | null {
  const lines = text.split('\n', MOST_LINES);
  const end = lines.findIndex(isEnd);
  const own = lines.slice(0, end < 0 ? undefined : end).flatMap((written) => lineOf(written) ?? TOO_LONG);
  const [first = '', second = '', ...rest] = own.filter((line) => line !== '');
  const greets = /[,!]$/.test(first);
  const command = commandOf(greets ? second : first);
  if (command?.name !== 'acknowledge') return null;
  return { command, more: rest.length > 0 || (!greets && second !== '') };
}

/** Of commands that end in a person's words, which his program may break into lines. */
const ENDS_IN_WORDS: ReadonlySet<Command['name']> = new Set<Command['name']>(['vouch', 'reject']);
/** Characters: no program breaks lines that are shorter. */
const SHORTEST_FULL_LINE = 60;

/** What begins as a command does, or names a post or a case, is meant as a line of its own, mistyped or not. */
const OWN_LINE = new RegExp(
  `^(list|${grammar.map(({ usage }) => usage.split(' ', 1)[0]).join('|')})\\b|\\b${POST}|\\b${CASE}`,
  'i',
);

/** Whether a program may have broken them: the first word of the second has no room on the first. */
function wasBroken(first: string | undefined, second: string): boolean {
  return (
    first !== undefined &&
    !OWN_LINE.test(second) &&
    first.length + 1 + (second.split(' ', 1)[0] ?? '').length > SHORTEST_FULL_LINE
  );
}

/** Once, and before its commands: one that is named below them, or another one, might be meant for some of them alone. */
function mayName({ list, commands }: ParsedRequest, named: string): boolean {
  return list === named || (list === null && commands.length === 0);
}

function commandOf(line: string): Command | undefined {
  for (const { pattern, read } of grammar) {
    const match = pattern.exec(line);
    if (match) return read(match);
  }
  return undefined;
}

/** Whether a command is the team's alone. */
export function isOfTeam({ name }: Command): boolean {
  return TEAM.has(name);
}

/** Read off the table, so that no row can be forgotten. */
const TEAM: ReadonlySet<Command['name']> = new Set(grammar.filter(({ team }) => team).map(({ name }) => name));
