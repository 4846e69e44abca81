import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { csafDocument } from '../../src/advisories/csaf.ts';
import { changesCsv, csafDirectory, indexTxt, providerMetadata, rolieFeed } from '../../src/advisories/csaf-directory.ts';
import { full, minimal, site } from './samples.ts';

const early = { ...minimal, caseId: 'ORBIT-2025-0007', releasedAt: Date.UTC(2025, 11, 31, 23, 59) };
const all = [early, full];
const KEY = {
  fingerprint: 'D3B5A1C0FFEE00D3B5A1C0FFEE00D3B5A1C0FFEE',
  url: 'https://orbit.example/keys/security@orbit.example.asc',
};
const files = csafDirectory(all, site, [KEY]);
const body = (path: string) => files.get(path)?.body ?? '';

describe('the CSAF directory', () => {
  it('has each document in the folder of its year, with its hashes, and says what there is', () => {
    expect([...files.keys()].sort()).toEqual([
      '',
      '2025/',
      '2025/orbit-2025-0007.json',
      '2025/orbit-2025-0007.json.sha256',
      '2025/orbit-2025-0007.json.sha512',
      '2026/',
      '2026/orbit-2026-0001.json',
      '2026/orbit-2026-0001.json.sha256',
      '2026/orbit-2026-0001.json.sha512',
      'changes.csv',
      'csaf-feed-tlp-white.json',
      'index.txt',
      'provider-metadata.json',
    ]);
  });

  it('has the documents, and hashes of their very octets', () => {
    const document = body('2026/orbit-2026-0001.json');
    expect(JSON.parse(document)).toEqual(csafDocument(full, site));
    for (const algorithm of ['sha256', 'sha512'])
      expect(body(`2026/orbit-2026-0001.json.${algorithm}`)).toBe(
        `${createHash(algorithm).update(Buffer.from(document)).digest('hex')}  orbit-2026-0001.json\n`,
      );
  });

  it('lists the last change first', () => {
    expect(indexTxt(all)).toBe('2026/orbit-2026-0001.json\n2025/orbit-2025-0007.json\n');
    expect(changesCsv(all)).toBe(
      '"2026/orbit-2026-0001.json","2026-09-22T17:00:00.000Z"\n"2025/orbit-2025-0007.json","2025-12-31T23:59:00.000Z"\n',
    );
    expect(body('index.txt')).toBe(indexTxt(all));
    expect(body('changes.csv')).toBe(changesCsv(all));
  });

  it('points at nothing that is not there', () => {
    const base = `${site.url}/csaf/`;
    const said = [...files.values()].flatMap(({ body }) => body.match(/(?:https:\/\/orbit\.example|")\/csaf\/[^"\s<>]*/g) ?? []);
    const paths = said.map((url) => url.replace(/^.*?\/csaf\//, ''));
    expect(paths.length).toBeGreaterThan(20);
    expect(paths.filter((path) => !files.has(path))).toEqual([]);
    expect(JSON.parse(body('provider-metadata.json'))).toMatchObject({
      canonical_url: `${base}provider-metadata.json`,
      distributions: [
        { directory_url: base },
        { rolie: { feeds: [{ tlp_label: 'WHITE', url: `${base}csaf-feed-tlp-white.json` }] } },
      ],
    });
  });

  it('has metadata of a provider', () => {
    expect(providerMetadata(all, site, [KEY])).toMatchObject({
      last_updated: '2026-09-22T17:00:00.000Z',
      list_on_CSAF_aggregators: true,
      mirror_on_CSAF_aggregators: true,
      metadata_version: '2.0',
      public_openpgp_keys: [KEY],
      publisher: { category: 'vendor', name: 'Orbit Security Team', namespace: 'https://orbit.example' },
      role: 'csaf_provider',
    });
  });

  it('has a ROLIE feed', () => {
    const { feed } = rolieFeed(all, site);
    expect(feed).toMatchObject({
      id: 'csaf-feed-tlp-white',
      link: [{ rel: 'self', href: 'https://orbit.example/csaf/csaf-feed-tlp-white.json' }],
      category: [{ scheme: 'urn:ietf:params:rolie:category:information-type', term: 'csaf' }],
      updated: '2026-09-22T17:00:00.000Z',
    });
    const src = 'https://orbit.example/csaf/2026/orbit-2026-0001.json';
    expect(feed.entry[0]).toEqual({
      id: 'ORBIT-2026-0001',
      title: 'Overflow in the parser',
      link: [
        { rel: 'self', href: src },
        { rel: 'hash', href: `${src}.sha256` },
        { rel: 'hash', href: `${src}.sha512` },
      ],
      published: '2026-09-22T16:00:00.000Z',
      updated: '2026-09-22T17:00:00.000Z',
      content: { type: 'application/json', src },
      format: { schema: 'https://docs.oasis-open.org/csaf/csaf/v2.0/csaf_json_schema.json', version: '2.0' },
    });
  });

  it('is there before there is an advisory', () => {
    const empty = csafDirectory([], site, []);
    expect([...empty.keys()].sort()).toEqual([
      '',
      'changes.csv',
      'csaf-feed-tlp-white.json',
      'index.txt',
      'provider-metadata.json',
    ]);
    expect(empty.get('index.txt')?.body).toBe('');
    expect(JSON.parse(empty.get('csaf-feed-tlp-white.json')?.body ?? '')).toMatchObject({ feed: { entry: [] } });
  });
});
