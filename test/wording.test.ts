import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultWords, samples } from '../src/notices/words.ts';
import { describe as described, readWords } from '../src/wording/read.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'curfew-words-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const write = (file: string, text: string | Buffer) => writeFileSync(join(folder, file), text);
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
    write('member-changed.txt', 'Subject: {{state}}\n\n{{#reason}}Why: {{reason}}{{/reason}}{{^reason}}No reason.{{/reason}}');
    write('lifted.txt', 'Subject: {{caseId}}\n\n{{releasedAt}}:{{#channels}} {{.}}{{/channels}}');
    write(
      'dispatch.txt',
      'Subject: {{usualSubject}}\n\n{{summary}} {{text}} {{releaseAt}} {{#patches}}{{name}} {{sha256}} {{caseId}};{{/patches}}',
    );
    const words = readWords(folder);
    expect(words.memberChanged(active).text).toBe('No reason.\n');
    expect(words.memberChanged({ ...active, reason: 'late' }).text).toBe('Why: late\n');
    const releasedAt = Date.UTC(2026, 0, 2, 3, 4, 5);
    expect(words.lifted({ caseId: 'c', releaseAt: 0, releasedAt, channels: ['a', 'b'], cause: null }).text).toBe(
      '2026-01-02 03:04:05 UTC: a b\n',
    );
    const patches = [
      { name: 'a', sha256: '1' },
      { name: 'b', sha256: '2' },
    ];
    const sent = words.dispatch({
      ...samples.dispatch.facts[0],
      supersedes: null,
      caseId: 'c-1',
      subject: 's',
      summary: 'i',
      text: 't',
      releaseAt: 0,
      patches,
    });
    expect(sent).toEqual({ subject: '[EMBARGOED] [c-1] s', text: 'i t 1970-01-01 00:00:00 UTC a 1 c-1;b 2 c-1;\n' });
  });

  it('do not let what somebody wrote be a template, or a second line of a subject', () => {
    write('member-changed.txt', 'Subject: {{{organisation}}}\n\n{{{organisation}}}\n{{state}}');
    const { subject, text } = readWords(folder).memberChanged({ ...active, organisation: '{{project}}\r\nBcc: x' });
    expect([subject, text]).toEqual(['{{project}} Bcc: x', '{{project}}\r\nBcc: x\nactive\n']);
  });

  it('name what is in a fact that is not always there', () => {
    write(
      'certificate-replaced.txt',
      'Subject: x\n\n{{address}} {{after}} {{encryptionKey.before}}>{{#encryptionKey}}{{after}}{{/encryptionKey}}',
    );
    const facts = { address: 'g@gamma.example', organisation: 'G', before: 'A', after: 'B' };
    const { certificateReplaced } = readWords(folder);
    expect(certificateReplaced({ ...facts, byTeam: false, encryptionKey: { before: 'K', after: 'L' } }).text).toBe(
      'g@gamma.example B K>L\n',
    );
    expect(certificateReplaced({ ...facts, byTeam: false, encryptionKey: null }).text).toBe('g@gamma.example B >\n');
  });

  it.each(described(defaultWords).map(({ file }) => file))('%s may be in our own words alone', (file) => {
    write(file, 'Subject: {{{usualSubject}}}\n\n{{{usual}}}');
    expect(described(readWords(folder))).toEqual(described(defaultWords));
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
    [
      'without what nobody can guess',
      'prove-key.txt',
      'Subject: x\n\nProve it.',
      'it has to say {{{nonce}}}, or all of {{{usual}}}',
    ],
    [
      'with that only where something else is there',
      'member-changed.txt',
      'Subject: x\n\n{{#reason}}{{state}}{{/reason}}.',
      'it has to say {{{state}}}',
    ],
    [
      'a subject that is not always there',
      'member-changed.txt',
      'Subject: {{{reason}}}\n\n{{{usual}}}',
      'its subject is empty where there is no reason',
    ],
    [
      'a text that is not always there',
      'dispatch.txt',
      'Subject: {{text}} {{releaseAt}}\n\n{{#patches}}{{name}}{{/patches}}',
      'its text is empty where there is no severity, affected, permissions, text, patches, revision',
    ],
    [
      'several things as one',
      'dispatch.txt',
      'Subject: x\n\n{{{usual}}}{{{patches}}}',
      '{{{patches}}} is no text, but has name, sha256',
    ],
    [
      'a thing of parts',
      'certificate-replaced.txt',
      'Subject: x\n\n{{{usual}}}{{{encryptionKey}}}',
      '{{{encryptionKey}}} is no text',
    ],
    ['all there is as one', 'lifted.txt', 'Subject: x\n\n{{{usual}}}{{.}}', '{{{.}}} is no text'],
    ['one of several as text', 'dispatch.txt', 'Subject: x\n\n{{{usual}}}{{#patches}}{{.}}{{/patches}}', '{{{.}}} is no text'],
    ['a part that there is not', 'applied.txt', 'Subject: x\n\n{{project.length}}', 'there is no {{{project.length}}}'],
    ['another encoding', 'applied.txt', Buffer.from('Subject: x\n\nGr\xfc\xdfe', 'latin1'), 'applied.txt: it is not in UTF-8'],
    ['a section that does not end', 'applied.txt', 'Subject: x\n\n{{#project}}', 'applied.txt: Unclosed section'],
  ])('%s: the server does not start, and says why', (_, file, text, problem) => {
    write(file, text);
    expect(() => readWords(folder)).toThrow(problem);
  });

  it('all faults are told at once; what an editor leaves is passed over', () => {
    for (const left of ['.applied.txt.swp', 'lifted.txt~', 'lifted.txt.bak', 'lifted.txt.orig']) write(left, 'x');
    expect(readWords(folder)).toEqual(defaultWords);
    write('applied.txt', 'x');
    write('news.txt', 'y');
    expect(() => readWords(folder)).toThrow(/applied\.txt.*\n.*news\.txt/);
  });

  it('can be looked at before they are sent, each with the names that it knows', () => {
    write('prove-key.txt', 'Subject: Key\n\nBy {{until}}: {{{nonce}}}');
    const all = described(readWords(folder));
    expect(all.map(({ file }) => file)).toContain('certificate-ends.txt');
    expect(all.find(({ file }) => file === 'certificate-replaced.txt')?.names).toContain('encryptionKey.before');
    const proveKey = all.find(({ file }) => file === 'prove-key.txt');
    expect(proveKey?.names).toEqual(['project', 'fingerprint', 'request', 'nonce', 'until', 'usualSubject', 'usual']);
    expect(proveKey?.example).toEqual({ subject: 'Key', text: 'By 2026-01-31 12:00:00 UTC: k3jz8q4nv1w6x0r7t2ye\n' });
  });
});
