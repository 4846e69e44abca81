import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { XMLParser } from 'fast-xml-parser';
import { describe, expect, it } from 'vitest';
import { advisoryPage, indexPage } from '../../src/advisories/advisory-page.ts';
import { csafDirectory } from '../../src/advisories/csaf-directory.ts';
import { CONTENT_SECURITY_POLICY } from '../../src/advisories/page.ts';
import { keyPage, policyPage, policyVersion } from '../../src/advisories/site-pages.ts';
import { presets } from '../../src/embargo/presets.ts';
import { anyAdvisory, full, hostile, minimal, samples, site } from './samples.ts';

const orbit = { name: 'orbit', policy: { ...presets['k8s'], holidays: ['2026-09-07'] } as never };
const keys = [
  {
    address: 'security@orbit.example',
    purpose: 'reports of vulnerabilities',
    fingerprint: 'd3b5a1c0ffee00d3b5a1c0ffee00d3b5a1c0ffee',
    path: '/keys/security@orbit.example.asc',
    expiresAt: Date.UTC(2028, 0, 1),
  },
  { address: '<b>&"\'', purpose: '<script>', fingerprint: 'AB', path: '/keys/x.asc', expiresAt: null },
];
const pages: Readonly<Record<string, string>> = {
  advisory: advisoryPage(full, site),
  hostile: advisoryPage(hostile, site),
  minimal: advisoryPage(minimal, site),
  withdrawn: advisoryPage(samples['withdrawn'] ?? minimal, site),
  index: indexPage([minimal, hostile], site),
  'empty index': indexPage([], site),
  policy: policyPage([orbit], site),
  keys: keyPage(keys, site),
  listing: csafDirectory([hostile], site, []).get('2026/')?.body ?? '',
};

/** The elements of a page, each with its attributes, read as XML is: each is closed, and in its order. */
function elementsOf(page: string): { name: string; attributes: Record<string, string> }[] {
  const parser = new XMLParser({
    preserveOrder: true,
    ignoreAttributes: false,
    attributeNamePrefix: '',
    unpairedTags: ['meta', 'link'],
  });
  const found: { name: string; attributes: Record<string, string> }[] = [];
  const walk = (nodes: Record<string, unknown>[]) => {
    for (const { ':@': attributes = {}, ...node } of nodes)
      for (const [name, children] of Object.entries(node))
        if (Array.isArray(children)) {
          found.push({ name, attributes: attributes as Record<string, string> });
          walk(children);
        }
  };
  walk(parser.parse(page.replace('<!doctype html>', '')));
  return found;
}

const ALLOWED = [
  'a',
  'body',
  'code',
  'dd',
  'dl',
  'dt',
  'h1',
  'h2',
  'head',
  'header',
  'html',
  'li',
  'link',
  'main',
  'meta',
  'nav',
  'p',
  'section',
  'style',
  'table',
  'tbody',
  'td',
  'th',
  'thead',
  'time',
  'title',
  'tr',
  'ul',
];

/** What must hold of every page; gives its elements. */
function expectPlain(page: string) {
  const elements = elementsOf(page);
  expect(elements.filter(({ name }) => !ALLOWED.includes(name))).toEqual([]);
  for (const { name, attributes } of elements)
    for (const [attribute, value] of Object.entries(attributes)) {
      expect(attribute).not.toMatch(/^(on|style|src)/);
      if (attribute === 'href') expect(value).toMatch(name === 'link' ? /^\/\w/ : /^(\/\w|https?:\/\/)/);
    }
  return elements;
}

describe.each(Object.entries(pages))('the page: %s', (_, page) => {
  it('is plain HTML without scripts, and loads nothing', () => {
    const elements = expectPlain(page);
    expect(page).toMatch(/^<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">/);
    expect(elements.filter(({ name }) => name === 'h1')).toHaveLength(1);
    expect(elements.filter(({ name }) => name === 'main')).toHaveLength(1);
    expect(page).toMatch(/<title>[^<]+ - orbit<\/title>/);
  });

  it('has the one style that its policy allows, for light and dark and for paper', () => {
    const [, style = ''] = /<style>([\s\S]*)<\/style>/.exec(page) ?? [];
    expect(CONTENT_SECURITY_POLICY).toBe(
      `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
    expect(style).toContain('color-scheme: light dark');
    expect(style).toContain('@media print');
  });
});

describe('the page of an advisory', () => {
  const headings = (page: string) => [...page.matchAll(/<h2>(.*?)<\/h2>/g)].map(([, title]) => title);

  it('has all of its parts, in their order', () => {
    expect(headings(advisoryPage(full, site))).toEqual([
      'Am I vulnerable?',
      'Affected versions',
      'Mitigation',
      'Fixed versions',
      'Detection',
      'Details',
      'Weaknesses',
      'Acknowledgements',
      'Patches (SHA-256)',
      'References',
      'History',
    ]);
    expect(headings(advisoryPage(minimal, site))).toEqual(['Details', 'References', 'History']);
  });

  it('says what the advisory says', () => {
    const page = advisoryPage(full, site);
    for (const text of [
      '<h1>CVE-2026-99001: Overflow in the parser</h1>',
      'High, 8.8 (CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H)',
      '<time datetime="2026-09-22T16:00:00.000Z">2026-09-22 16:00:00 UTC</time>',
      'Orbit (gateway): 1.2.0 and later, before 1.4.2; 2.0.0 and later, before 2.1.1',
      'Orbit (gateway): 1.4.2, 2.1.1',
      'Orbit Satellite: up to 7',
      'Rita Reporter (reporter)',
      `${'a'.repeat(64)} CVE-2026-99001_v1.4.patch (v1.4)`,
      '<a href="https://orbit.example/patches/v2.1.patch" rel="noreferrer">',
      'href="/csaf/2026/orbit-2026-0001.json"',
      'href="/osv/ORBIT-2026-0001.json"',
      'href="/cve/ORBIT-2026-0001.json"',
      '<a href="https://example.org/paper?id=1&amp;v=2#top" rel="noreferrer">The paper</a>',
      'Names the satellite too',
      '    listen = &quot;0.0.0.0&quot;',
    ])
      expect(page).toContain(text);
  });

  it('links to a CVE record only where there is one', () => {
    expect(advisoryPage({ ...full, cve: null }, site)).not.toContain('/cve/');
    expect(advisoryPage(full, { ...site, cna: null })).not.toContain('/cve/');
  });

  it('links to nothing but the web', () => {
    const references = ['javascript:alert(1)', 'data:text/html,x', '//example.org', '/\\example.org', '/x'].map((url) => ({
      url,
    }));
    const links = expectPlain(advisoryPage({ ...minimal, references }, site)).map(({ attributes }) => attributes['href'] ?? '');
    expect(links.filter((href) => /javascript|data:|example\.org|^.x/.test(href))).toEqual([]);
  });

  it('begins with the reason where it was withdrawn', () => {
    const page = pages['withdrawn'] ?? '';
    expect(page).toContain('<h1>CVE-2026-99001: Withdrawn: Overflow in the parser</h1>');
    expect(headings(page)[0]).toBe('Withdrawn');
    expect(page).toContain('<p class="text" dir="auto">It cannot be reached from outside.</p>');
  });

  it('has no text that is more than text, whatever was written', () => {
    const page = advisoryPage(hostile, site);
    expect(page).toContain('&lt;/p&gt;&lt;script&gt;alert(&quot;1 &amp; 2&quot;)&lt;/script&gt;&#39;&quot;&gt;');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there.
    expect(page).not.toMatch(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]/);
    fc.assert(
      fc.property(anyAdvisory, (advisory) => {
        expectPlain(advisoryPage(advisory, site));
        expectPlain(indexPage([advisory], site));
      }),
      { numRuns: 15 },
    );
  });
});

describe('the index', () => {
  it('has the last release first, each with its link', () => {
    const changed = { at: full.releasedAt + 1e9, summary: 'x' };
    const page = indexPage([{ ...minimal, caseId: 'ORBIT-2025-0007', releasedAt: 0, revisions: [changed] }, full], site);
    const links = [...page.matchAll(/href="\/advisories\/(.*?)"/g)].map(([, id]) => id);
    expect(links).toEqual(['ORBIT-2026-0001', 'ORBIT-2025-0007']);
    expect(page).toContain('>CVE-2026-99001</a>');
    expect(indexPage([], site)).toContain('There are none yet.');
  });
});

describe('the policy page', () => {
  it('has every rule of the policy in words, and its version', () => {
    const page = policyPage([orbit], site);
    const rows = [...page.matchAll(/<th scope="row">(.*?)<\/th><td>(.*?)<\/td>/g)].map(([, what, rule]) => `${what}: ${rule}`);
    expect(rows).toEqual([
      'A person answers a report: within 24 hours',
      'The public learns that a fix will come: within 7 days of the report',
      'Distributors have: at least 7 days between their notice and the release',
      'Distributors see the final text: at least 24 hours before the release',
      'The embargo lasts: at most 28 days from the notice to the distributors',
      'Time of release: 16:00 UTC, Monday, Tuesday, Wednesday, Thursday',
      'No release on: 2026-09-07',
      'A release is on time: within 60 seconds of its instant',
      'Before a release we may tell: its instant, the highest severity, how many holes there are',
    ]);
    expect(page).toContain(`<code>${policyVersion(orbit.policy)}</code>`);
  });

  it.each(Object.entries(presets))('can show %s', (name, policy) => {
    expectPlain(policyPage([{ name, policy }], site));
  });

  it('has another version for another rule, and the same for the same rules in another order', () => {
    const { kernel: policy } = presets;
    if (!policy) throw new Error('there is no such preset');
    const turned = Object.fromEntries(Object.entries(policy).reverse()) as unknown as typeof policy;
    expect(policyVersion(turned)).toBe(policyVersion(policy));
    expect(policyVersion({ ...policy, grace: 61 })).not.toBe(policyVersion(policy));
    expect(policyVersion(policy)).toMatch(/^[0-9a-f]{12}$/);
  });

  it('says that the strictest rule counts where there are several', () => {
    const several = Object.entries(presets).map(([name, policy]) => ({ name, policy }));
    expect(policyPage(several, site)).toContain('the strictest of their rules counts');
    expect(policyPage([orbit], site)).not.toContain('strictest');
  });
});

describe('the key page', () => {
  it('has each key with its fingerprint, its end and its file', () => {
    const page = keyPage(keys, site);
    expect(page).toContain('<code>D3B5 A1C0 FFEE 00D3 B5A1 C0FF EE00 D3B5 A1C0 FFEE</code>');
    expect(page).toContain('<a href="/keys/security@orbit.example.asc">');
    expect(page).toContain('2028-01-01 00:00:00 UTC');
    expect(page).toContain('<h2>&lt;b&gt;&amp;&quot;&#39;</h2>');
  });
});
