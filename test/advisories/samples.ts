import fc from 'fast-check';
import { type Advisory, type Affected, RATINGS, ROLES, type Severity, type Site } from '../../src/advisories/advisory.ts';

export const site: Site = {
  project: 'orbit',
  url: 'https://orbit.example',
  publisher: { name: 'Orbit Security Team', namespace: 'https://orbit.example', contact: 'security@orbit.example' },
  cna: { orgId: '5b1a1f2e-0d5c-4f0e-9d3a-2f6a1c9b7e10', shortName: 'orbit' },
};

const AT = Date.UTC(2026, 8, 22, 16);

export const minimal: Advisory = {
  caseId: 'ORBIT-2026-0001',
  title: 'Overflow in the parser',
  description: 'A length is not checked.',
  releasedAt: AT,
};

/** Of each version, and the score that FIRST's calculators give. */
const SCORED: readonly Severity[] = [
  { vector: 'CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H', score: 9.8, base: 9.8, rating: 'critical' },
  { vector: 'CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H', score: 8.8, base: 8.8, rating: 'high' },
  { vector: 'CVSS:3.1/AV:L/AC:H/PR:L/UI:R/S:U/C:L/I:N/A:N', score: 2.2, base: 2.2, rating: 'low' },
  { vector: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N/E:P/RL:O', score: 5.5, base: 6.1, rating: 'medium' },
  { vector: 'CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:N', score: 0, base: 0, rating: 'none' },
  { vector: 'CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N', score: 9.3, base: 9.3, rating: 'critical' },
  { vector: 'CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:N/SC:N/SI:N/SA:N', score: 0, base: 0, rating: 'none' },
];
const scored = (vector: string): Severity => {
  const found = SCORED.find((one) => one.vector?.startsWith(vector));
  if (!found) throw new Error(vector);
  return found;
};

const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const gateway: Affected = {
  product: 'Orbit',
  component: 'gateway',
  versions: [
    { introduced: '1.2.0', fixed: '1.4.2' },
    { introduced: '2.0.0', fixed: '2.1.1' },
  ],
  package: { ecosystem: 'npm', name: '@orbit/gateway', purl: 'pkg:npm/%40orbit/gateway' },
};

export const full: Advisory = {
  ...minimal,
  cve: 'CVE-2026-99001',
  cwes: ['CWE-120', 'CWE-79'],
  summary: 'A long header overflows a buffer of the gateway.',
  condition: 'You are if the gateway is reachable by others.\n\n    listen = "0.0.0.0"',
  severity: scored('CVSS:3.1/AV:N/AC:L/PR:L'),
  affected: [gateway, { product: 'Orbit Satellite', versions: [{ lastAffected: '7' }] }],
  detection: 'Look for "header too long" in the log.',
  mitigation: 'Set max_header = 4096.',
  fixImpact: 'Headers of more than 8 KiB are refused.',
  credits: [
    { name: 'Rita Reporter', role: 'reporter' },
    { name: 'The Fuzzer', role: 'tool' },
    { name: 'Fynn', role: 'remediation developer' },
  ],
  references: [{ url: 'https://example.org/paper?id=1&v=2#top', summary: 'The paper' }, { url: 'https://example.org/blog' }],
  patches: [
    { name: 'CVE-2026-99001_v1.4.patch', sha256: 'a'.repeat(64), branch: 'v1.4' },
    {
      name: 'CVE-2026-99001_v2.1.patch',
      sha256: 'b'.repeat(64),
      branch: 'v2.1',
      url: 'https://orbit.example/patches/v2.1.patch',
    },
  ],
  revisions: [{ at: AT + 3_600_000, summary: 'Names the satellite too' }],
};

const HOSTILE = `</p><script>alert("1 & 2")</script>'"><img src=x onerror=alert(1)> {{x}} \u0000\u0007\ud800\uffff ]]> &amp; Ünïcödé 漢字 🛰`;
export const hostile: Advisory = {
  ...full,
  title: `${HOSTILE}\r\nBcc: everybody@example.org`,
  description: HOSTILE,
  summary: HOSTILE,
  condition: HOSTILE,
  detection: HOSTILE,
  mitigation: HOSTILE,
  fixImpact: HOSTILE,
  affected: [{ product: HOSTILE, component: HOSTILE, versions: [{ fixed: `1|2*&"'%` }] }],
  credits: [{ name: HOSTILE, role: 'finder' }],
  references: [{ url: 'https://example.org/', summary: HOSTILE }],
  patches: [{ name: HOSTILE, branch: HOSTILE, sha256: 'c'.repeat(64) }],
  revisions: [{ at: AT + 1, summary: HOSTILE }],
};

/** By hand: each is one kind of advisory that a project may have. */
export const samples: Readonly<Record<string, Advisory>> = {
  'title and text': minimal,
  everything: full,
  'hostile text': hostile,
  'CVSS 3.0': { ...full, severity: scored('CVSS:3.0') },
  'CVSS 3.1 with temporal metrics': { ...full, severity: scored('CVSS:3.1/AV:N/AC:L/PR:N/UI:R') },
  'CVSS 3.1 of nought': { ...full, severity: scored('CVSS:3.1/AV:P') },
  'CVSS 4.0': { ...full, severity: scored('CVSS:4.0') },
  'CVSS without products': { ...minimal, severity: scored('CVSS:3.1/AV:L'), mitigation: 'Turn it off.' },
  'a rating without a vector': { ...full, severity: { vector: null, score: null, base: null, rating: 'medium' } },
  'a rating that a lead overrode': { ...full, severity: { ...scored('CVSS:3.1/AV:L'), rating: 'high' } },
  'no CVE': { ...full, cve: null },
  'all versions of a product': { ...minimal, affected: [{ product: 'Orbit', versions: [] }] },
  'a version without an end': { ...minimal, affected: [{ product: 'Orbit', versions: [{ introduced: '1.0.0' }] }] },
  'one version': { ...minimal, affected: [{ product: 'Orbit', versions: [{ introduced: '1.0-rc2', lastAffected: '1.0-rc2' }] }] },
  commits: {
    ...minimal,
    affected: [
      { product: 'Orbit', versions: [{ introduced: '0', fixed: COMMIT }], repo: 'https://git.example/orbit.git' },
      {
        product: 'Orbit',
        versions: [{ introduced: COMMIT, lastAffected: 'f'.repeat(40) }],
        repo: 'https://git.example/orbit.git',
      },
    ],
  },
  'packages of several ecosystems': {
    ...full,
    affected: [
      { ...gateway, package: { ecosystem: 'PyPI', name: 'orbit', purl: 'pkg:pypi/orbit' } },
      { ...gateway, package: { ecosystem: 'Debian:13', name: 'orbit', purl: 'pkg:deb/debian/orbit' } },
      { ...gateway, package: { ecosystem: 'Go', name: 'orbit.example/gateway' } },
      { ...gateway, package: { ecosystem: 'Moonbase', name: 'orbit' } },
    ],
  },
  'the same product and fix twice': { ...full, affected: [gateway, gateway, { ...gateway, versions: [{ fixed: '1.4.2' }] }] },
  'many products and ranges': {
    ...full,
    affected: Array.from({ length: 60 }, (_, product) => ({
      product: `Orbit ${product}`,
      versions: Array.from({ length: 8 }, (_, line) => ({ introduced: `${line}.0.0`, fixed: `${line}.${product + 1}.0` })),
    })),
  },
  'both ends of a range': { ...minimal, affected: [{ product: 'Orbit', versions: [{ lastAffected: '1.3', fixed: '1.4' }] }] },
  'a text beyond what a CVE record takes': {
    ...full,
    title: '🛰'.repeat(300),
    description: 'ü'.repeat(9000),
    mitigation: 'x'.repeat(5000),
  },
  withdrawn: { ...full, withdrawn: { at: AT + 86_400_000, reason: 'It cannot be reached from outside.' } },
  'withdrawn before its instant': { ...minimal, cve: 'CVE-2026-99002', withdrawn: { at: AT - 1, reason: 'It is a duplicate.' } },
  'changed twice at once': {
    ...full,
    revisions: [
      { at: AT + 1, summary: 'b' },
      { at: AT + 1, summary: ' ' },
      { at: AT - 1, summary: 'a clock was wrong' },
    ],
  },
};

const optional = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });
const words = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('A length is not checked.', 'Ünïcödé\n\n  - 漢字\n', '<b>&</b>', ' ') },
  fc.string({ unit: 'binary', maxLength: 40 }),
);
const line = words.filter((text) => text.trim() !== '');
const version = fc.oneof(
  fc.constantFrom('0', '1.0.0', '1.2.3-rc.1', '2', 'v3', '1:2.0~rc1-3+b1', 'r<7|8', '1!2', 'all', 'v1.2.3', COMMIT),
  fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 12 }).filter((text) => !/\s/.test(text)),
);
/** Without the members that are undefined: there is none of those in an Advisory. */
const sparse = <Shape extends object>(value: Shape) =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined));

const range = fc.record({ introduced: optional(version), fixed: optional(version), lastAffected: optional(version) }).map(sparse);
const named = fc.record({
  ecosystem: fc.constantFrom('npm', 'Go', 'PyPI', 'Debian:13', 'Moonbase', 'GIT'),
  name: line,
  purl: optional(
    fc.constantFrom(
      'pkg:npm/orbit',
      'pkg:deb/debian/orbit',
      'pkg:golang/orbit.example/x',
      'pkg:generic/o%20r',
      'pkg:maven/orbit',
      'pkg:cran/orbit',
      'pkg:oci/a/b',
      'pkg:pub/Orbit',
      'pkg:conan/a/b',
      'pkg:pub/x',
    ),
  ),
});
const affected = fc
  .record({
    product: fc.oneof(fc.constantFrom('Orbit', 'Orbit Satellite'), line),
    component: optional(line),
    versions: fc.array(range, { maxLength: 4 }),
    package: optional(named.map(sparse)),
    repo: optional(fc.constant('https://git.example/orbit.git')),
  })
  .map(sparse);
const url = fc.constantFrom('https://example.org/', 'http://example.org:8080/a/%20?b=1', 'https://example.org/#x');
const instant = fc.integer({ min: AT - 1e9, max: AT + 1e10 });
const severity = fc.oneof(
  fc.tuple(fc.constantFrom(...SCORED), fc.constantFrom(...RATINGS)).map(([one, rating]) => ({ ...one, rating })),
  fc.constantFrom(...RATINGS).map((rating) => ({ vector: null, score: null, base: null, rating })),
);

/** Any at all, also such as have faults. */
export const anyAdvisory: fc.Arbitrary<Advisory> = fc
  .record({
    caseId: fc.constantFrom('ORBIT-2026-0001', 'orbit-2026-12345'),
    title: line,
    description: line,
    releasedAt: instant,
    summary: optional(words),
    condition: optional(words),
    cve: fc.constantFrom(null, undefined, 'CVE-2026-99001', 'CVE-2026-1234567'),
    cwes: optional(fc.array(fc.constantFrom('CWE-79', 'CWE-120', 'CWE-1427'), { maxLength: 3 })),
    severity: fc.option(severity),
    affected: optional(fc.array(affected, { maxLength: 5 })),
    detection: optional(words),
    mitigation: optional(words),
    fixImpact: optional(words),
    credits: optional(fc.array(fc.record({ name: line, role: fc.constantFrom(...ROLES) }), { maxLength: 3 })),
    references: optional(fc.array(fc.record({ url, summary: optional(words) }).map(sparse), { maxLength: 3 })),
    patches: optional(
      fc.array(fc.record({ name: line, sha256: fc.constant('d'.repeat(64)), branch: optional(line) }).map(sparse)),
    ),
    revisions: optional(fc.array(fc.record({ at: instant, summary: words }), { maxLength: 3 })),
    withdrawn: fc.option(fc.record({ at: instant, reason: line }), { nil: undefined, freq: 4 }),
  })
  .map((record) => sparse(record) as unknown as Advisory);
