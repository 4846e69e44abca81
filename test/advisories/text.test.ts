import { describe, expect, it } from 'vitest';
import { advisoryMail, forthcomingMail, ossSecurityMail } from '../../src/advisories/text.ts';
import { full, hostile, minimal, samples, site } from './samples.ts';

describe('the public mail', () => {
  it('has the words that the process names, and all of the advisory', () => {
    const { subject, text } = advisoryMail(full, site);
    expect(subject).toBe('[Security Advisory] CVE-2026-99001: Overflow in the parser');
    expect(text).toBe(`Overflow in the parser

Project:   orbit
Case:      ORBIT-2026-0001
CVE:       CVE-2026-99001
Severity:  High, 8.8 (CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H)
Published: 2026-09-22 16:00:00 UTC

A long header overflows a buffer of the gateway.

Am I vulnerable?
----------------

You are if the gateway is reachable by others.

    listen = "0.0.0.0"

Affected versions
-----------------

* Orbit (gateway): 1.2.0 and later, before 1.4.2; 2.0.0 and later, before 2.1.1
* Orbit Satellite: up to 7

Mitigation
----------

Set max_header = 4096.

Fixed versions
--------------

* Orbit (gateway): 1.4.2, 2.1.1

Headers of more than 8 KiB are refused.

Detection
---------

Look for "header too long" in the log.

Details
-------

A length is not checked.

Weaknesses
----------

* CWE-120: Buffer Copy without Checking Size of Input ('Classic Buffer Overflow')
* CWE-79: Improper Neutralization of Input During Web Page Generation ('Cross-site Scripting')

Acknowledgements
----------------

* Rita Reporter (reporter)
* The Fuzzer (tool)
* Fynn (remediation developer)

Patches (SHA-256)
-----------------

* ${'a'.repeat(64)} CVE-2026-99001_v1.4.patch (v1.4)
* ${'b'.repeat(64)} CVE-2026-99001_v2.1.patch (v2.1): https://orbit.example/patches/v2.1.patch

References
----------

* The paper: https://example.org/paper?id=1&v=2#top
* https://example.org/blog
* This advisory: https://orbit.example/advisories/ORBIT-2026-0001
* CSAF 2.0: https://orbit.example/csaf/2026/orbit-2026-0001.json
* OSV: https://orbit.example/osv/ORBIT-2026-0001.json
* CVE record: https://orbit.example/cve/ORBIT-2026-0001.json
`);
  });

  it('has no heading above nothing', () => {
    const { subject, text } = advisoryMail(minimal, site);
    expect(subject).toBe('[Security Advisory] ORBIT-2026-0001: Overflow in the parser');
    expect([...text.matchAll(/^(.*)\n-+$/gm)].map(([, title]) => title)).toEqual(['Details', 'References']);
    expect(text).not.toMatch(/CVE|Severity/);
  });

  it('asks for nothing where only versions are known, and answers by them', () => {
    const { text } = advisoryMail({ ...minimal, affected: [{ product: 'Orbit', versions: [] }] }, site);
    expect(text).toContain('You are if you use one of the affected versions.');
    expect(text).toContain('* Orbit: all versions');
  });

  it('says that and why it was withdrawn', () => {
    const { subject, text } = advisoryMail(samples['withdrawn'] ?? minimal, site);
    expect(subject).toBe('[Security Advisory] CVE-2026-99001: Withdrawn: Overflow in the parser');
    expect(text).toContain('Withdrawn\n---------\n\nIt cannot be reached from outside.\n');
  });

  it('has a subject of one line, whatever the title is', () => {
    for (const { subject } of [advisoryMail(hostile, site), ossSecurityMail(hostile, { ...site, project: 'a\r\nb' })])
      expect(subject).not.toMatch(/[\r\n\p{Cc}]/u);
  });

  it('has one line for each item', () => {
    const credits = [{ name: 'Rita\n* Mallory', role: 'reporter' as const }];
    expect(advisoryMail({ ...minimal, credits }, site).text).toContain('\n* Rita * Mallory (reporter)\n');
  });
});

describe('the mail to oss-security', () => {
  it('says in its subject whose it is, and has the whole text', () => {
    const { subject, text } = ossSecurityMail(full, site);
    expect(subject).toBe('[orbit] CVE-2026-99001: Overflow in the parser');
    expect(text).toBe(advisoryMail(full, site).text);
  });
});

describe('the forthcoming notice', () => {
  const releaseAt = Date.UTC(2026, 8, 22, 16);

  it('has the instant, what may be told of the issue, and what helps until then', () => {
    const facts = { project: 'orbit', releaseAt, highest: 'high', count: 1, cve: 'CVE-2026-99001' } as const;
    expect(forthcomingMail({ ...facts, mitigation: 'Keep it behind a proxy.\n' })).toEqual({
      subject: '[orbit] Security release on 2026-09-22 16:00:00 UTC',
      text: `orbit will release a security fix at
  2026-09-22 16:00:00 UTC

Highest severity: High
Issues: 1
CVE: CVE-2026-99001

Until then:

Keep it behind a proxy.

Please plan for an update. We say nothing more before that instant.
`,
    });
  });

  it('has no more than the instant where no more may be told', () => {
    const { text } = forthcomingMail({ project: 'orbit', releaseAt, highest: null, count: null, cve: null, mitigation: ' ' });
    expect(text).not.toMatch(/severity|Issues|CVE|Until/);
  });
});
