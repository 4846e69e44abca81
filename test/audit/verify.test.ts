import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as openpgp from 'openpgp';
import { beforeAll, describe, expect, test } from 'vitest';
import { BEGINNING, type End, nextLine, SYSTEM } from '../../src/audit/entry.ts';
import { HEAD, headStatement } from '../../src/audit/heads.ts';
import { type MailedHead, verifyLog } from '../../src/audit/verify.ts';
import { DAY } from '../../src/clock.ts';
import { signDetached } from '../../src/pgp/seal.ts';
import { temporaryFolder } from '../cli/project-folder.ts';
import { makeParty, type Party } from '../support/party.ts';
import { runCurfew } from '../support/process.ts';

const AT = Date.parse('2026-09-07T09:12:00Z');

describe('an export of the audit log', () => {
  let list: Party;
  let other: Party;
  let lines: string[];
  let mailed: MailedHead;

  const signed = async (by: Party, end: End, at = AT): Promise<MailedHead> => {
    const statement = Buffer.from(headStatement('orbit', end, at));
    const secret = (await openpgp.readPrivateKey({ armoredKey: by.secret })).write();
    const { armored } = await signDetached(statement, secret, at);
    return { name: 'audit-head.txt', statement, signature: Buffer.from(armored) };
  };
  const verify = (given: readonly string[], heads: readonly MailedHead[] = []) => verifyLog(given, [list.public], heads);
  const edit = (at: number, change: (line: string) => string) =>
    lines.map((line, index) => (index === at - 1 ? change(line) : line));

  beforeAll(async () => {
    [list, other] = [await makeParty('security@orbit.example'), await makeParty('mallory@evil.example')];
    lines = [];
    let end: End = BEGINNING;
    const add = (action: string, detail: Record<string, string | number> = {}) => {
      const line = nextLine(end, AT + end.seq, SYSTEM, { action, subject: `thing:${end.seq}`, detail });
      lines.push(line.line);
      end = line;
    };
    for (let count = 0; count < 5; count++) add('thing.do', { count });
    const head = await signed(list, end);
    add(HEAD, { statement: head.statement.toString(), signature: Buffer.from(head.signature).toString() });
    for (let count = 0; count < 4; count++) add('thing.do', { count });
    mailed = await signed(list, end, AT + DAY);
  });

  test('that is whole', async () => {
    expect(await verify(lines)).toMatchObject({ lines: 10, heads: 1, covered: 5, faults: [] });
    expect(await verify(lines, [mailed])).toMatchObject({ lines: 10, heads: 2, covered: 10, faults: [] });
  });

  test('and of which nothing signed covers the end: the command says so, and calls whole what a head covers', async () => {
    const folder = temporaryFolder();
    const at = (name: string, content: string | Uint8Array) => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    };
    const key = at('key.asc', list.public);
    const head = at('head.txt', mailed.statement);
    at('head.txt.asc', mailed.signature);
    const said = async (many: number, ...more: string[]) => {
      const file = at('log.jsonl', `${lines.slice(0, many).join('\n')}\n`);
      const { code, stdout } = await runCurfew(['audit', 'verify', file, '--key', key, ...more]);
      return [code, stdout.trimEnd().split('\n').at(-1)];
    };
    const until = 'The log is whole as far as line 5; the chain holds from there on, and nothing signed covers';
    expect(await said(10)).toEqual([0, `${until} lines 6 to 10.`]);
    expect(await said(6)).toEqual([0, `${until} line 6.`]);
    expect(await said(10, '--head', head)).toEqual([0, 'The log is whole.']);
  });

  test.each<[string, number, () => string[]]>([
    ['altered', 3, () => edit(3, (line) => line.replace('"count":2', '"count":7'))],
    ['altered, in a blank', 8, () => edit(8, (line) => line.replace('{', '{ '))],
    ['altered to what is no line of a log', 4, () => edit(4, () => 'nothing')],
    ['removed', 3, () => lines.filter((_, index) => index !== 2)],
    ['removed, the first', 1, () => lines.slice(1)],
    ['put elsewhere', 3, () => [...lines.slice(0, 2), lines[3] ?? '', lines[2] ?? '', ...lines.slice(4)]],
    ['there twice', 4, () => [...lines.slice(0, 3), lines[2] ?? '', ...lines.slice(3)]],
  ])('of which a line was %s: found there', async (_, at, change) => {
    const { faults } = await verify(change());
    expect(faults[0]).toMatchObject({ line: at });
  });

  test.each([1, 4, 9])(
    'of which lines were cut off after line %i: found by whoever has a later head, and by nobody else',
    async (left) => {
      const cut = lines.slice(0, left);
      expect((await verify(cut)).faults).toEqual([]);
      expect((await verify(cut, [mailed])).faults).toMatchObject([{ line: left, text: expect.stringContaining('cut off') }]);
    },
  );

  test('whose last line was altered: found by whoever has the head over it', async () => {
    const changed = edit(10, (line) => line.replace('"count":3', '"count":9'));
    expect((await verify(changed)).faults).toEqual([]);
    expect((await verify(changed, [mailed])).faults).toMatchObject([{ line: 10, text: expect.stringContaining('changed') }]);
  });

  test('that was written anew from some line on: found by the head that was signed before', async () => {
    const anew: string[] = [];
    let end: End = BEGINNING;
    for (const line of lines) {
      const { actor, action, subject, detail } = JSON.parse(line);
      const next = nextLine(end, AT, actor, { action, subject, detail: end.seq === 1 ? { count: 100 } : detail });
      anew.push(next.line);
      end = next;
    }
    expect((await verify(anew)).faults).toMatchObject([{ line: 5 }]);
    expect((await verify(anew, [mailed])).faults).toMatchObject([{ line: 5 }, { line: 10 }]);
  });

  test('with a head that another key signed, or that says something else: told of', async () => {
    const forged = await signed(other, { seq: 10, hash: 'a'.repeat(64) }, AT + DAY);
    expect((await verify(lines, [forged])).faults).toEqual([
      { line: 0, text: 'audit-head.txt: it is signed with a key that was not given' },
    ]);
    const edited = { ...mailed, statement: Buffer.from(mailed.statement.toString().replace('Lines: 10', 'Lines: 9')) };
    expect((await verify(lines, [edited])).faults).toEqual([{ line: 0, text: 'audit-head.txt: its signature does not hold' }]);
    const inside = edit(6, (line) => line.replace('BEGIN PGP SIGNATURE', 'BEGIN PGP SIGNATURX'));
    expect((await verify(inside)).faults.map(({ line }) => line)).toContain(6);
  });

  test('with heads that two keys of a list signed: whole for whoever has both certificates', async () => {
    const later = await signed(
      other,
      {
        seq: 10,
        hash: createHash('sha256')
          .update(lines[9] ?? '')
          .digest('hex'),
      },
      AT + DAY,
    );
    const both = [list.public, other.public];
    expect(await verifyLog(lines, both, [mailed, later])).toMatchObject({ heads: 3, covered: 10, faults: [] });
    const [inside, ...more] = (await verifyLog(lines, [other.public], [mailed, later])).faults;
    expect(inside).toEqual({ line: 6, text: 'the signed head in line 6: it is signed with a key that was not given' });
    expect(more).toEqual([{ line: 0, text: 'audit-head.txt: it is signed with a key that was not given' }]);
  });

  test('of nothing', async () => {
    expect(await verify([])).toMatchObject({ lines: 0, heads: 0, faults: [] });
    expect((await verify([], [mailed])).faults).toMatchObject([{ line: 0, text: expect.stringContaining('cut off') }]);
  });
});
