import { createHash } from 'node:crypto';
import { readCertificate } from '../pgp/certificate.ts';
import { ofDetached, verify } from '../pgp/verify.ts';

/*
 * Verifies an export of the audit log by the description in docs/audit.md alone: it shares no code with what writes the log, so
 * that a mistake there is not made here again.
 */

/** A fault, and where: the number of the line in the export, from 1. */
export interface Fault {
  line: number;
  text: string;
}

/** A signed head as it was mailed: the file, and its detached signature. */
export interface MailedHead {
  name: string;
  statement: Uint8Array;
  signature: Uint8Array;
}

export interface Verified {
  /** How many lines there are. */
  lines: number;
  /** SHA-256 of the last one, hex. */
  hash: string;
  /** Signed heads that hold, in the log and mailed. */
  heads: number;
  /** Lines that the last head which holds covers: no one can have changed these without the key, or without whoever got the mail. */
  covered: number;
  /** What is wrong; empty: it is whole. */
  faults: Fault[];
}

interface Told {
  lines: number;
  hash: string;
}

const NOTHING = '0000000000000000000000000000000000000000000000000000000000000000';

/**
 * Goes through the lines of an export, without their line ends. `certificates`: of the keys that sign heads, or did; armored or binary.
 * Throws Refusal `unusable-certificate` where one is none.
 */
export async function verifyLog(
  lines: Iterable<string> | AsyncIterable<string>,
  certificates: readonly (Uint8Array | string)[],
  mailed: readonly MailedHead[],
): Promise<Verified> {
  const keys = (await Promise.all(certificates.map((one) => readCertificate(one)))).map(({ data }) => data);
  const faults: Fault[] = [];
  const heads: Told[] = [];
  /** By the number that a line has in the log. */
  const hashes: string[] = [];
  let at = 0;
  let previous = { seq: 0, hash: NOTHING };
  for await (const line of lines) {
    at++;
    const hash = sha256(line);
    const entry = parse(line);
    const seq = entry?.seq ?? previous.seq + 1;
    faults.push(...chainFaults(entry, at, previous));
    hashes[seq] ??= hash;
    previous = { seq, hash };
    if (entry?.action !== 'audit.head') continue;
    const head = await readHead(keys, utf8(entry.detail['statement']), utf8(entry.detail['signature']));
    const fault = 'text' in head ? head : headFault(head, hashes);
    if (fault) faults.push({ line: fault.line || at, text: `the signed head in line ${at}: ${fault.text}` });
    else if ('hash' in head) heads.push(head);
  }
  for (const { name, statement, signature } of mailed) {
    const head = await readHead(keys, statement, signature);
    const fault = 'text' in head ? head : headFault(head, hashes);
    if (fault) faults.push({ line: fault.line, text: `${name}: ${fault.text}` });
    else if ('hash' in head) heads.push(head);
  }
  const covered = Math.max(0, ...heads.map((head) => head.lines));
  return { lines: at, hash: previous.hash, heads: heads.length, covered, faults };
}

function chainFaults(entry: Entry | undefined, at: number, previous: { seq: number; hash: string }): Fault[] {
  if (!entry) return [{ line: at, text: 'it is no line of an audit log' }];
  const { seq, prev } = entry;
  if (seq !== previous.seq + 1) return [{ line: at, text: gap(seq, previous.seq) }];
  if (prev === previous.hash) return [];
  if (seq === 1) return [{ line: at, text: 'it says that there was a line before it' }];
  return [{ line: at - 1, text: `it is not what line ${at} was written after: one of the two was changed` }];
}

function headFault({ lines, hash }: Told, hashes: readonly string[]): Fault | undefined {
  if (hashes[lines] === hash) return undefined;
  if (hashes[lines] === undefined)
    return {
      line: Math.max(0, hashes.length - 1),
      text: `there were ${lines} lines when it was signed: the end of the log was cut off`,
    };
  return { line: lines, text: `line ${lines} had the SHA-256 ${hash} when it was signed: it, or one before it, was changed` };
}

function gap(seq: number, before: number): string {
  if (seq === before + 2) return `line ${before + 1} is missing before it`;
  if (seq > before + 1) return `lines ${before + 1} to ${seq - 1} are missing before it`;
  return `its number is ${seq} where ${before + 1} was to come: it was moved or is there twice`;
}

interface Entry {
  seq: number;
  prev: string;
  action: string;
  detail: Record<string, unknown>;
}

function parse(line: string): Entry | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { seq, prev, action, detail } = value as Record<string, unknown>;
  if (!Number.isInteger(seq) || typeof prev !== 'string' || typeof action !== 'string') return undefined;
  if (typeof detail !== 'object' || detail === null) return undefined;
  return { seq: seq as number, prev, action, detail: detail as Record<string, unknown> };
}

const FORGED: Fault = { line: 0, text: 'its signature does not hold' };
/** Nothing that speaks against the log: whoever verifies may lack a key that the list had before. */
const FOREIGN: Fault = { line: 0, text: 'it is signed with a key that was not given' };

/** What a head says, where its signature holds. */
async function readHead(certificates: Uint8Array[], statement: Uint8Array, signature: Uint8Array): Promise<Told | Fault> {
  const text = Buffer.from(statement).toString();
  const read = /^Curfew audit head 1\r\nProject: .*\r\nLines: (\d{1,15})\r\nSHA-256: ([0-9a-f]{64})\r\nAt: (\S+)\r\n$/.exec(text);
  const at = Date.parse(read?.[3] ?? '');
  if (!read?.[1] || !read[2] || Number.isNaN(at)) return FORGED;
  const signed = await ofDetached(statement, signature).catch(() => undefined);
  // As of when it was made: the key may have expired since.
  const verdicts = signed ? await verify(signed, [], async () => certificates, at) : [];
  if (verdicts.some(({ valid }) => valid)) return { lines: Number(read[1]), hash: read[2] };
  return verdicts.length > 0 && verdicts.every(({ reason }) => reason === 'no-certificate') ? FOREIGN : FORGED;
}

function utf8(value: unknown): Uint8Array {
  return Buffer.from(typeof value === 'string' ? value : '');
}

function sha256(line: string): string {
  return createHash('sha256').update(line, 'utf8').digest('hex');
}
