import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultWords } from '../src/notices/words.ts';
import { describe as described, readWords } from '../src/wording/read.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'curfew-words-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const write = (file: string, text: string) => writeFileSync(join(folder, file), text);
const active = { project: 'orbit', organisation: 'A & "B" <C>', state: 'active', reason: null } as const;

describe('notices in the words of a project', () => {
  it('are ours where there is no folder, and where it has no file of that name', () => {
    expect(readWords(null)).toEqual(defaultWords);
    write('applied.txt', 'Subject: Hello\n\nx\n');
    expect(readWords(folder).memberChanged(active)).toEqual(defaultWords.memberChanged(active));
  });

  it('say what the file says, with the facts as they are: nothing is escaped', () => {
    write(
      'member-changed.txt',
      '\ufeffSubject: {{{organisation}}}, {{state}}\r\n\r\nDear {{{organisation}}},\r\n\r\n{{{usual}}}\r\n',
    );
    const { subject, text } = readWords(folder).memberChanged(active);
    expect(subject).toBe('A & "B" <C>, active');
    expect(text).toBe(`Dear A & "B" <C>,\n\n${defaultWords.memberChanged(active).text}`);
  });

  it('leave out what there is not, and go through what there are several of', () => {
    write('member-changed.txt', 'Subject: x\n\n{{#reason}}Why: {{reason}}{{/reason}}{{^reason}}No reason.{{/reason}}');
    write('lifted.txt', 'Subject: x\n\n{{releasedAt}}:{{#channels}} {{.}}{{/channels}}');
    write('dispatch.txt', 'Subject: {{usualSubject}}\n\n{{#patches}}{{name}} {{sha256}} {{caseId}};{{/patches}}');
    const words = readWords(folder);
    expect(words.memberChanged(active).text).toBe('No reason.\n');
    expect(words.memberChanged({ ...active, reason: 'late' }).text).toBe('Why: late\n');
    const releasedAt = Date.UTC(2026, 0, 2, 3, 4, 5);
    expect(words.lifted({ caseId: 'c', releaseAt: 0, releasedAt, channels: ['a', 'b'] }).text).toBe(
      '2026-01-02 03:04:05 UTC: a b\n',
    );
    const patches = [
      { name: 'a', sha256: '1' },
      { name: 'b', sha256: '2' },
    ];
    const sent = words.dispatch({ caseId: 'c-1', subject: 's', text: 't', releaseAt: 0, patches });
    expect(sent).toEqual({ subject: '[EMBARGOED] [c-1] s', text: 'a 1 c-1;b 2 c-1;\n' });
  });

  it('do not let what somebody wrote be a template, or a second line of a subject', () => {
    write('member-changed.txt', 'Subject: {{{organisation}}}\n\n{{{organisation}}}');
    const { subject, text } = readWords(folder).memberChanged({ ...active, organisation: '{{project}}\r\nBcc: x' });
    expect([subject, text]).toEqual(['{{project}} Bcc: x', '{{project}}\r\nBcc: x\n']);
  });

  it.each([
    ['a name that no notice has', 'receipt-clear.txt', 'Subject: x\n\nx', 'receipt-clear.txt is no notice that can be changed'],
    ['no subject', 'applied.txt', 'Hello\n\nx', 'applied.txt: it has to begin with "Subject: ..."'],
    ['no text', 'applied.txt', 'Subject: x\n\n \n', 'applied.txt: it has to begin with "Subject: ..."'],
    [
      'a fact that there is not',
      'applied.txt',
      'Subject: x\n\n{{{nonce}}}',
      'there is no {{{nonce}}}; there are project, organisation',
    ],
    ['one of another place', 'dispatch.txt', 'Subject: x\n\n{{sha256}}', 'there is no {{{sha256}}}'],
    ['another file', 'applied.txt', 'Subject: x\n\n{{> receipt}}', '">" is not understood here'],
    ['a section that does not end', 'applied.txt', 'Subject: x\n\n{{#project}}', 'applied.txt: Unclosed section'],
  ])('%s: the server does not start, and says why', (_, file, text, problem) => {
    write(file, text);
    expect(() => readWords(folder)).toThrow(problem);
  });

  it('all faults are told at once; what an editor hides is passed over', () => {
    write('.applied.txt.swp', 'x');
    write('applied.txt', 'x');
    write('news.txt', 'y');
    expect(() => readWords(folder)).toThrow(/applied\.txt.*\n.*news\.txt/);
  });

  it('can be looked at before they are sent, each with the names that it knows', () => {
    write('prove-key.txt', 'Subject: Key\n\nBy {{until}}: {{{nonce}}}');
    const all = described(readWords(folder));
    expect(all.map(({ file }) => file)).toContain('certificate-ends.txt');
    const proveKey = all.find(({ file }) => file === 'prove-key.txt');
    expect(proveKey?.names).toEqual(['project', 'fingerprint', 'request', 'nonce', 'until', 'usualSubject', 'usual']);
    expect(proveKey?.example).toEqual({ subject: 'Key', text: 'By 2026-01-31 12:00:00 UTC: k3jz8q4nv1w6x0r7t2ye\n' });
  });
});
