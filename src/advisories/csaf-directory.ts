import { createHash } from 'node:crypto';
import { toIso } from '../clock.ts';
import { type Advisory, csafPath, lastChange, newestFirst, paths, type Site, updatedAt } from './advisory.ts';
import { csafDocument, publisherOf, titleOf } from './csaf.ts';
import { jsonFile, type PublicFile } from './json.ts';
import { markup } from './markup.ts';
import { framed } from './page.ts';

const FEED = 'csaf-feed-tlp-white.json';
const CSAF_SCHEMA = 'https://docs.oasis-open.org/csaf/csaf/v2.0/csaf_json_schema.json';

/**
 * All of `/csaf/`, by path below it (CSAF 2.0 §7.1, role csaf_provider): the metadata (7), each document with its hashes (18), the
 * directory (11 to 14) and the ROLIE feed (15). `''` and `2026/` are the listings of folders. The keys are those of the team.
 */
export function csafDirectory(
  advisories: readonly Advisory[],
  site: Site,
  keys: readonly ProviderKey[],
): Map<string, PublicFile> {
  const files = new Map<string, PublicFile>();
  for (const advisory of advisories) {
    const path = csafPath(advisory);
    const file = jsonFile(csafDocument(advisory, site));
    files.set(path, file);
    for (const algorithm of ['sha256', 'sha512']) files.set(`${path}.${algorithm}`, hashFile(algorithm, path, file));
  }
  files.set('index.txt', { type: 'text/plain; charset=utf-8', body: indexTxt(advisories) });
  files.set('changes.csv', { type: 'text/csv; charset=utf-8', body: changesCsv(advisories) });
  files.set(FEED, jsonFile(rolieFeed(advisories, site)));
  files.set('provider-metadata.json', jsonFile(providerMetadata(advisories, site, keys)));
  for (const folder of foldersOf(files)) files.set(folder, listing(folder, files, site));
  return files;
}

/** As `sha256sum` writes it. */
function hashFile(algorithm: string, path: string, { body }: PublicFile): PublicFile {
  const hash = createHash(algorithm).update(body).digest('hex');
  return { type: 'text/plain; charset=utf-8', body: `${hash}  ${path.slice(path.lastIndexOf('/') + 1)}\n` };
}

/** CSAF 2.0 §7.1.12. */
export function indexTxt(advisories: readonly Advisory[]): string {
  return newestFirst(advisories)
    .map((advisory) => `${csafPath(advisory)}\n`)
    .join('');
}

/** CSAF 2.0 §7.1.13: the last change first. */
export function changesCsv(advisories: readonly Advisory[]): string {
  return newestFirst(advisories)
    .map((advisory) => `"${csafPath(advisory)}","${toIso(updatedAt(advisory))}"\n`)
    .join('');
}

/** CSAF 2.0 §7.1.15, RFC 8322. */
export function rolieFeed(advisories: readonly Advisory[], site: Site) {
  const link = (rel: string, href: string) => ({ rel, href });
  return {
    feed: {
      id: FEED.replace('.json', ''),
      title: `${site.project}: security advisories (TLP:WHITE)`,
      link: [link('self', `${site.url}/csaf/${FEED}`)],
      category: [{ scheme: 'urn:ietf:params:rolie:category:information-type', term: 'csaf' }],
      updated: toIso(lastChange(advisories)),
      entry: newestFirst(advisories).map((advisory) => {
        const url = `${site.url}${paths.csaf(advisory)}`;
        return {
          id: advisory.caseId,
          title: titleOf(advisory),
          link: [link('self', url), link('hash', `${url}.sha256`), link('hash', `${url}.sha512`)],
          published: toIso(advisory.releasedAt),
          updated: toIso(updatedAt(advisory)),
          content: { type: 'application/json', src: url },
          format: { schema: CSAF_SCHEMA, version: '2.0' },
        };
      }),
    },
  };
}

/** A certificate of the team: its fingerprint in hexadecimal digits, and the URL of the file. */
export interface ProviderKey {
  fingerprint: string;
  url: string;
}

/** CSAF 2.0 §7.1.7. */
export function providerMetadata(advisories: readonly Advisory[], site: Site, keys: readonly ProviderKey[]) {
  return {
    canonical_url: `${site.url}${paths.provider}`,
    distributions: [
      { directory_url: `${site.url}/csaf/` },
      {
        rolie: {
          feeds: [{ summary: `All advisories of ${site.project}`, tlp_label: 'WHITE', url: `${site.url}/csaf/${FEED}` }],
        },
      },
    ],
    last_updated: toIso(lastChange(advisories)),
    list_on_CSAF_aggregators: true,
    metadata_version: '2.0',
    mirror_on_CSAF_aggregators: true,
    public_openpgp_keys: keys.map(({ fingerprint, url }) => ({ fingerprint, url })),
    publisher: publisherOf(site),
    role: 'csaf_provider',
  };
}

function foldersOf(files: ReadonlyMap<string, PublicFile>): string[] {
  return [
    '',
    ...new Set([...files.keys()].filter((path) => path.includes('/')).map((path) => path.slice(0, path.indexOf('/') + 1))),
  ];
}

/** CSAF 2.0 §7.1.14. */
function listing(folder: string, files: ReadonlyMap<string, PublicFile>, site: Site): PublicFile {
  const names = [...files.keys()]
    .filter((path) => path.startsWith(folder) && path !== folder)
    .map((path) => path.slice(folder.length));
  const here = [...new Set(names.map((name) => name.replace(/\/.*/, '/')))].sort();
  const items = here.map((name) => markup`<li><a href="/csaf/${folder}${name}">${name}</a></li>\n`);
  return { type: 'text/html; charset=utf-8', body: framed(site, `/csaf/${folder}`, markup`<ul>\n${items}</ul>\n`) };
}
