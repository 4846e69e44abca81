import { describe, expect, test } from 'vitest';
import * as templates from '../../src/notices/templates.ts';

const AT = Date.parse('2026-09-22T16:00:00.789Z');

test('an instant reads in UTC, to the second', () => {
  expect(templates.when(AT)).toBe('2026-09-22 16:00:00 UTC');
});

test('a sealed receipt names the case, the thread and when a person answers', () => {
  const thread = 'security+ORBIT-2026-0001.token@orbit.example';
  const { subject, text } = templates.receipt({
    project: 'orbit',
    caseId: 'ORBIT-2026-0001',
    receivedAt: AT,
    thread,
    answerBy: AT + 1000,
  });
  expect(subject).toBe('[ORBIT-2026-0001] We have your report');
  for (const fact of [thread, '2026-09-22 16:00:00 UTC', '2026-09-22 16:00:01 UTC']) expect(text).toContain(fact);
});

test('words in clear do not even tell that it was a report', () => {
  const facts = { project: 'orbit', list: 'security@orbit.example' };
  const receipt = templates.clearReceipt(facts);
  expect(`${receipt.subject}${receipt.text}`).not.toMatch(/report|vulnerab|case|embargo/i);
  const news = templates.clearNews({ ...facts, channels: ['announce@orbit.example'] });
  expect(`${news.subject}${news.text}`).not.toMatch(/report|vulnerab|case|embargo/i);
});

describe('a dispatch', () => {
  const known = {
    cve: 'CVE-2026-99001',
    cwes: ['CWE-269', 'CWE-787'],
    summary: 'Who is inside gets out.',
    severity: 'high, 8.8',
    affected: ['orbit: from 1.2', 'orbit: before 1.0'],
    detection: null,
    mitigation: 'Keep it off.',
    fixImpact: null,
    permissions: ['Patched binaries must not be given out before the release.'],
  };
  const facts = {
    caseId: 'ORBIT-2026-0001',
    list: 'distributors-request@orbit.example',
    subject: 'Hole',
    text: 'One.\n\nTwo. \n',
    releaseAt: AT,
    revision: 1,
    supersedes: null,
    ...known,
  };

  test('begins with the embargo and quotes what will be published', () => {
    const { subject, text } = templates.dispatch({ ...facts, patches: [{ name: 'a.patch', sha256: 'f00' }] });
    expect(subject).toBe('[EMBARGOED] [ORBIT-2026-0001] Hole');
    expect(text).toMatch(/^EMBARGOED until 2026-09-22 16:00:00 UTC\.\n/);
    expect(text).toContain('Patches (SHA-256):\n  f00  a.patch\n');
    expect(text).toContain('\n> One.\n>\n> Two.\n');
  });

  test('says what is known, each under its title, and nothing of what is not', () => {
    const { text } = templates.dispatch({ ...facts, patches: [], text: null });
    expect(text).toContain('\nCVE:      CVE-2026-99001\nWeakness: CWE-269, CWE-787\nSeverity: high, 8.8\n');
    const without = templates.dispatch({ ...facts, cve: null, cwes: [], patches: [], text: null }).text;
    expect(without).toContain('\nCVE:      none yet\nSeverity:');
    expect(text).toContain(
      '\nIssue:\n\nWho is inside gets out.\n\nAffected:\n\norbit: from 1.2\norbit: before 1.0\n\nMitigation:\n',
    );
    expect(text).not.toMatch(/Detection|fix changes|What will be published/);
    expect(text).toMatch(/\nWrite to distributors-request@orbit\.example, [^\n]*\n {2}acknowledge ORBIT-2026-0001\n/);
    expect(text).toContain('"list distributors@orbit.example"');
  });

  test('of other patches says which it is, and which one it supersedes', () => {
    const { subject, text } = templates.dispatch({ ...facts, patches: [], revision: 3, supersedes: 2 });
    expect(subject).toBe('[EMBARGOED] [ORBIT-2026-0001] Revision 3: Hole');
    expect(text).toContain('revision 3. It supersedes revision 2');
    const withdrawn = templates.dispatch({ ...facts, patches: [], revision: null, supersedes: 2 });
    expect(withdrawn.text).toContain('The patches of revision 2 are withdrawn');
  });

  test('says so where there is no patch', () => {
    expect(templates.dispatch({ ...facts, patches: [] }).text).toContain('\nPatches: none\n');
  });
});

test('stuck copies are counted, and told with reason and answer', () => {
  const copy = { address: 'a@b.example', state: 'failed', reason: 'rejected', response: '550 no', about: 'report' } as const;
  expect(templates.stuckCopies([copy]).subject).toBe('1 copy was not delivered');
  const { subject, text } = templates.stuckCopies([copy, { ...copy, state: 'held', response: null }]);
  expect(subject).toBe('2 copies were not delivered');
  expect(text).toContain(
    'failed: a@b.example\n  report\n  reason: rejected: the mail server refused it\n  answer: 550 no\nheld: a@b.example\n',
  );
});

test('every notice ends its last line', () => {
  const channels = ['announce@orbit.example'];
  const notices = [
    templates.lifted({ caseId: 'C', releaseAt: AT, releasedAt: AT, channels, cause: null }),
    templates.lifted({ caseId: 'C', releaseAt: AT, releasedAt: AT, channels, cause: 'Why.' }),
    templates.leaked({ caseId: 'C', how: 'leaked', releaseAt: null }),
    templates.withdrawn({ caseId: 'C', reason: 'Why.' }),
    templates.caseAside({ caseId: 'C', what: 'leak', words: 'Why.', decideBy: AT, notes: [] }),
    templates.news({ caseId: 'C', releasedAt: AT, channels }),
    templates.overdue({ caseId: 'C', releaseAt: AT, why: 'Why.', nextAt: AT }),
    templates.unpublished({ caseId: 'C', releasedAt: AT, count: 0, copies: [], nextAt: AT }),
    templates.minimalSent({ caseId: 'C', endedAt: AT }),
    templates.deadline({ caseId: 'C', level: 0, due: [{ what: 'lead', dueAt: AT }] }),
  ];
  for (const { subject, text } of notices) {
    expect(subject).toMatch(/^\[C\] /);
    expect(text).toMatch(/[^\n]\n$/);
  }
});

test('whoever owes a retrospective gets its form, and nobody else', () => {
  const of = (what: 'retrospective' | 'lead') => templates.deadline({ caseId: 'C', level: 1, due: [{ what, dueAt: AT }] });
  expect(of('retrospective').subject).toBe('[C] DUE NOW: retrospective');
  expect(of('retrospective').text).toContain('  What went well:\n');
  expect(of('lead').text).not.toContain('What went well');
});

test('what says that the longest embargo has ended is the same for every case, but for its dates', () => {
  expect(templates.minimal({ project: 'orbit', since: AT, endedAt: AT, ask: 'security@orbit.example' })).toEqual({
    subject: '[orbit] The embargo of a security issue has ended',
    text: [
      'orbit has a security issue under embargo since 2026-09-22; its embargo ended at',
      '2026-09-22 16:00:00 UTC without an advisory; ask security@orbit.example',
      '',
    ].join('\n'),
  });
});
