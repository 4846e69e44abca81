import type { Instant } from '../clock.ts';
import { sha256 } from '../embargo/bundle.ts';
import { type Span, spanWords, type Weekday } from '../embargo/calendar.ts';
import type { NamedPolicy, Policy, Start } from '../embargo/policy.ts';
import type { Site } from './advisory.ts';
import { ordered } from './json.ts';
import { type Markup, markup, nothing } from './markup.ts';
import { framed, timeOf } from './page.ts';

const STARTS: Readonly<Record<Start, string>> = {
  report: 'the report',
  'first-post': 'the first post to the distributors',
  'fix-ready': 'the fix being ready',
  notice: 'the notice to the distributors',
};

const DAYS: Readonly<Record<Weekday, string>> = {
  sun: 'Sunday',
  mon: 'Monday',
  tue: 'Tuesday',
  wed: 'Wednesday',
  thu: 'Thursday',
  fri: 'Friday',
  sat: 'Saturday',
};

/** Each rule that the policy has, in words; what it does not have is not spoken of. */
const RULES: readonly [string, (policy: Policy) => string | null][] = [
  ['A person answers a report', ({ acknowledge }) => `within ${spanWords(acknowledge)}`],
  ['The public learns that a fix will come', ({ forthcoming }) => `within ${spanWords(forthcoming)} of the report`],
  ['Distributors are told', ({ noticeBy }) => within(noticeBy, 'of the report')],
  ['Distributors have', ({ notice, shorterWithReason }) => noticeWords(notice, shorterWithReason)],
  ['Distributors see the final text', ({ secondNotice }) => atLeast(secondNotice, 'before the release')],
  ['The embargo lasts', embargoWords],
  ['Release after the report', ({ fromReport }) => within(fromReport, '')],
  ['Time of release', slotWords],
  ['No release on', ({ holidays }) => (holidays.length === 0 ? null : holidays.join(', '))],
  ['A release is on time', ({ grace }) => `within ${grace} seconds of its instant`],
  ['Before a release we may tell', forthcomingWords],
];

function within(span: Span | null, of: string): string | null {
  return span === null ? null : `within ${spanWords(span)} ${of}`.trimEnd();
}

function atLeast(span: Span | null, than: string): string | null {
  return span === null ? null : `at least ${spanWords(span)} ${than}`;
}

function noticeWords(notice: Span | null, shorterWithReason: boolean): string | null {
  const words = atLeast(notice, 'between their notice and the release');
  return words && shorterWithReason ? `${words}, or less where a reason is recorded` : words;
}

function embargoWords({ embargo, longerWithReason, clock }: Policy): string | null {
  if (embargo === null) return null;
  const longer = longerWithReason === null ? '' : `, or ${spanWords(longerWithReason)} where a reason is recorded`;
  return `at most ${spanWords(embargo)} from ${STARTS[clock]}${longer}`;
}

function slotWords({ slot: { time, weekdays, weekends } }: Policy): string | null {
  const days = weekdays?.map((day) => DAYS[day]).join(', ') ?? (weekends ? null : 'not at a weekend');
  const words = [...(time === null ? [] : [`${time} UTC`]), ...(days === null ? [] : [days])];
  return words.length === 0 ? null : words.join(', ');
}

function forthcomingWords({ forthcomingTells: { severity, count, cve } }: Policy): string {
  const told = [
    ...(severity ? ['the highest severity'] : []),
    ...(count ? ['how many holes there are'] : []),
    ...(cve ? ['CVE ids'] : []),
  ];
  return ['its instant', ...told].join(', ');
}

/** The first 12 hexadecimal digits of the SHA-256 over the policy as data: another rule is another version. */
export function policyVersion(policy: Policy): string {
  return sha256(Buffer.from(JSON.stringify(ordered(policy)))).slice(0, 12);
}

/** The dates that the project binds itself to; where several policies apply, the stricter rule of them counts. */
export function policyPage(policies: readonly NamedPolicy[], site: Site): string {
  const intro = markup`<p>How ${site.project} handles a report of a vulnerability. Days and times are in UTC.</p>\n`;
  const several = markup`<p>Where several policies apply to a case, the strictest of their rules counts.</p>\n`;
  return framed(
    site,
    'Security policy',
    markup`${intro}${policies.length > 1 ? several : nothing}${policies.map(policySection)}`,
  );
}

function policySection({ name, policy }: NamedPolicy): Markup {
  const rows = RULES.flatMap(([what, words]) => {
    const rule = words(policy);
    return rule === null ? [] : [markup`<tr><th scope="row">${what}</th><td>${rule}</td></tr>\n`];
  });
  return markup`<section>
<h2>${name}</h2>
<p>Version <code>${policyVersion(policy)}</code></p>
<table><tbody>
${rows}</tbody></table>
</section>
`;
}

export interface PublicKey {
  /** Of the list, and what is written to it: `reports of vulnerabilities`. */
  address: string;
  purpose: string;
  /** In hexadecimal digits. */
  fingerprint: string;
  /** Path of the armored certificate: `/keys/security@orbit.example.asc`. */
  path: string;
  expiresAt: Instant | null;
}

export function keyPage(keys: readonly PublicKey[], site: Site): string {
  const intro = markup`<p>Encrypt to these OpenPGP certificates. Compare the fingerprint with one that you have from elsewhere.</p>\n`;
  const none = markup`<p>There are none.</p>\n`;
  return framed(site, 'Keys', markup`${keys.length === 0 ? none : intro}${keys.map(keySection)}`);
}

function keySection({ address, purpose, fingerprint, path, expiresAt }: PublicKey): Markup {
  return markup`<section>
<h2>${address}</h2>
<dl>
<dt>For</dt><dd>${purpose}</dd>
<dt>Fingerprint</dt><dd><code>${inFours(fingerprint)}</code></dd>
<dt>Expires</dt><dd>${expiresAt === null ? markup`never` : timeOf(expiresAt)}</dd>
<dt>Certificate</dt><dd><a href="${path}">${path}</a></dd>
</dl>
</section>
`;
}

/** As GnuPG shows it, for the eye. */
function inFours(fingerprint: string): string {
  return (fingerprint.toUpperCase().match(/.{1,4}/g) ?? []).join(' ');
}
