import fc from 'fast-check';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { describe, expect, it } from 'vitest';
import { atomFeed } from '../../src/advisories/atom.ts';
import { anyAdvisory, full, hostile, minimal, samples, site } from './samples.ts';

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  isArray: (name) => name === 'entry',
  htmlEntities: false,
});
const early = { ...minimal, caseId: 'ORBIT-2025-0007', releasedAt: Date.UTC(2025, 11, 31) };

/** What the elements hold as a reader of feeds sees it. */
const read = (xml: string) => {
  expect(XMLValidator.validate(xml)).toBe(true);
  return parser.parse(xml).feed;
};

describe('the Atom feed', () => {
  it('has what RFC 4287 wants of a feed and of its entries, the last change first', () => {
    const feed = read(atomFeed([early, full], site));
    expect(feed).toMatchObject({
      '@xmlns': 'http://www.w3.org/2005/Atom',
      id: 'https://orbit.example/feed.atom',
      title: 'orbit: security advisories',
      updated: '2026-09-22T17:00:00.000Z',
      author: { name: 'Orbit Security Team' },
    });
    expect(feed.link).toContainEqual({
      '@rel': 'self',
      '@type': 'application/atom+xml',
      '@href': 'https://orbit.example/feed.atom',
    });
    expect(feed.entry).toMatchObject([
      {
        id: 'https://orbit.example/advisories/ORBIT-2026-0001',
        title: 'CVE-2026-99001: Overflow in the parser',
        published: '2026-09-22T16:00:00.000Z',
        updated: '2026-09-22T17:00:00.000Z',
        summary: 'A long header overflows a buffer of the gateway.',
        category: { '@term': 'high' },
      },
      { id: 'https://orbit.example/advisories/ORBIT-2025-0007', summary: 'A length is not checked.' },
    ]);
    expect(feed.entry[0].link).toContainEqual({
      '@rel': 'alternate',
      '@type': 'text/html',
      '@href': 'https://orbit.example/advisories/ORBIT-2026-0001',
    });
  });

  it('keeps the id of an entry whatever is changed in it', () => {
    const ids = [full, { ...full, title: 'Another', cve: null }, samples['withdrawn'] ?? minimal].map(
      (advisory) => read(atomFeed([advisory], site)).entry[0].id,
    );
    expect(new Set(ids).size).toBe(1);
  });

  it('says that, and why, one was withdrawn', () => {
    expect(read(atomFeed([samples['withdrawn'] ?? minimal], site)).entry[0]).toMatchObject({
      title: 'CVE-2026-99001: Withdrawn: Overflow in the parser',
      summary: 'It cannot be reached from outside.',
    });
  });

  it('is well-formed XML, and no text is more than text', () => {
    const xml = atomFeed([hostile], site);
    const [entry] = read(xml).entry;
    expect(xml).not.toMatch(/<script|<img/);
    expect(entry.summary).toContain('</p><script>alert("1 & 2")</script>');
    expect(entry.summary).toContain(']]> &amp; Ünïcödé 漢字 🛰');
    fc.assert(
      fc.property(fc.array(anyAdvisory, { maxLength: 3 }), (advisories) => {
        const text = atomFeed(advisories, site);
        expect(XMLValidator.validate(text)).toBe(true);
        // XML 1.0 §2.2
        expect(text).toMatch(/^[\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]*$/u);
      }),
      { numRuns: 30 },
    );
  });

  it('is there before there is an advisory', () => {
    const feed = read(atomFeed([], site));
    expect(feed.updated).toBe('1970-01-01T00:00:00.000Z');
    expect(feed.entry).toBeUndefined();
  });
});
