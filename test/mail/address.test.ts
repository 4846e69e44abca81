import { describe, expect, it } from 'vitest';
import { isThreadOf, parseMailboxes, readListAddress, roleAddress, splitAddress, threadAddress } from '../../src/mail/address.ts';

describe('mailboxes of a field', () => {
  it('reads names, groups and several addresses', () => {
    expect(parseMailboxes('"Porter, Rae" <rae@Research.Example>, team: a@b.example, c@d.example;')).toEqual([
      { address: 'rae@research.example', name: 'Porter, Rae' },
      { address: 'a@b.example', name: '' },
      { address: 'c@d.example', name: '' },
    ]);
  });

  it('lets no encoded word bring an address of its own', () => {
    const sneaky = '=?utf-8?Q?boss=40corp=2Eexample_=3Cboss=40corp=2Eexample=3E=2C?= <eve@evil.example>';
    expect(parseMailboxes(sneaky).map(({ address }) => address)).toEqual(['eve@evil.example']);
  });
});

describe('addresses of a list', () => {
  it.each([
    ['security@orbit.example', { purpose: 'post', list: 'security@orbit.example' }],
    ['Security-Owner@Orbit.Example', { purpose: 'owner', list: 'security@orbit.example' }],
    ['security-request@orbit.example', { purpose: 'request', list: 'security@orbit.example' }],
    [
      'security+orbit-2026-0001.abc1@orbit.example',
      { purpose: 'thread', list: 'security@orbit.example', caseId: 'ORBIT-2026-0001', token: 'abc1' },
    ],
    ['security+nothing@orbit.example', { purpose: 'post', list: 'security+nothing@orbit.example' }],
  ])('%s', (address, read) => {
    expect(readListAddress(address)).toEqual(read);
  });

  it('makes what it reads', () => {
    const thread = threadAddress('security@orbit.example', 'ORBIT-2026-0001', 'tok');
    expect(readListAddress(thread)).toMatchObject({ purpose: 'thread', caseId: 'ORBIT-2026-0001', token: 'tok' });
    expect(readListAddress(roleAddress('a@b.example', 'owner'))).toEqual({ purpose: 'owner', list: 'a@b.example' });
  });

  it.each([
    ['orbit', 'security+ORBIT-2026-0001.tok@x.example'],
    ['p'.repeat(41), `security+${'P'.repeat(41)}-2026-0001.tok@x.example`],
    ['p'.repeat(42), 'security+2026-0001.tok@x.example'],
  ])('names the project %s in that of a thread where there is room', (project, address) => {
    const caseId = `${project.toUpperCase()}-2026-0001`;
    expect(threadAddress('security@x.example', caseId, 'tok')).toBe(address);
    expect(isThreadOf(readListAddress(address), caseId)).toBe(true);
  });

  it.each(['0001', '2025-0001', '2026-0002', 'ORBIT', 'TALLY-ORBIT-2026-0001'])(
    '%s in that of a thread is another case',
    (name) => {
      expect(isThreadOf(readListAddress(`security+${name}.tok@orbit.example`), 'ORBIT-2026-0001')).toBe(false);
    },
  );

  it('takes an address apart at its last @', () => {
    expect(splitAddress('"a@b"@C.example')).toEqual({ local: '"a@b"', domain: 'c.example' });
    expect(splitAddress('postmaster')).toEqual({ local: 'postmaster', domain: '' });
  });
});
