import { toIso } from '../clock.ts';
import { type Advisory, historyOf, oneLine, paths, type Reference, type Site, said, updatedAt } from './advisory.ts';
import { type Products, productsOf } from './csaf-products.ts';
import { ordered } from './json.ts';
import { capitalised, cvssMembers, cvssOf, severityWords } from './severity.ts';
import { fixedIn, nameOf } from './versions.ts';
import { weaknessName } from './weaknesses.ts';

/*
 * CSAF 2.0 (OASIS Standard, 2022-11-18). A security advisory (§4.4) says which products are affected; where nothing is known of them,
 * or the advisory is withdrawn, the document is a CSAF Base (§4.1).
 */

/** Members in alphabetical order, as optional test 6.2.13 wants them. */
export function csafDocument(advisory: Advisory, site: Site) {
  const { affected = [], withdrawn } = advisory;
  const products = withdrawn || affected.length === 0 ? null : productsOf(site.publisher.name, affected);
  return ordered({
    document: {
      category: products ? 'csaf_security_advisory' : 'csaf_base',
      csaf_version: '2.0',
      ...(advisory.severity && !withdrawn ? { aggregate_severity: { text: capitalised(advisory.severity.rating) } } : {}),
      distribution: { tlp: { label: 'WHITE', url: 'https://www.first.org/tlp/' } },
      lang: 'en',
      notes: documentNotes(advisory),
      publisher: publisherOf(site),
      references: references(advisory, site),
      title: titleOf(advisory),
      tracking: tracking(advisory),
    },
    ...(products ? { product_tree: { branches: products.branches } } : {}),
    ...(withdrawn ? {} : { vulnerabilities: [vulnerability(advisory, products)] }),
  });
}

/** CSAF 2.0 §3.2.1.8; also a member of provider-metadata.json. */
export function publisherOf({ publisher: { name, namespace, contact } }: Site) {
  return { category: 'vendor', ...(said(contact) ? { contact_details: contact } : {}), name, namespace };
}

export function titleOf({ title, withdrawn }: Advisory): string {
  return `${withdrawn ? 'Withdrawn: ' : ''}${oneLine(title)}`;
}

interface Note {
  category: 'description' | 'details' | 'general' | 'summary';
  title: string;
  text: string;
}

/** None of a text that is not there. */
function note(category: Note['category'], title: string, text: string | undefined): Note[] {
  const words = said(text);
  return words === undefined ? [] : [{ category, title, text: words }];
}

function documentNotes({ title, summary, description, withdrawn }: Advisory): Note[] {
  if (withdrawn) return note('description', 'Reasoning for Withdrawal', withdrawn.reason);
  return [...note('summary', 'Summary', said(summary) ?? title), ...note('details', 'Details', description)];
}

function references(advisory: Advisory, { url }: Site) {
  const self = (path: string, summary: string) => ({ category: 'self', summary, url: `${url}${path}` });
  const external = ({ url, summary }: Reference) => ({ category: 'external', summary: said(summary) ?? url, url });
  return [
    self(paths.csaf(advisory), 'This advisory as CSAF'),
    self(paths.page(advisory), 'This advisory as a page'),
    ...(advisory.references ?? []).map(external),
  ];
}

function tracking(advisory: Advisory) {
  const history = historyOf(advisory);
  return {
    ...(advisory.cve ? { aliases: [advisory.cve] } : {}),
    current_release_date: toIso(updatedAt(advisory)),
    generator: { engine: { name: 'Curfew' } },
    id: advisory.caseId,
    initial_release_date: toIso(advisory.releasedAt),
    revision_history: history.map(({ at, summary }, index) => ({ date: toIso(at), number: String(index + 1), summary })),
    status: 'final',
    version: String(history.length),
  };
}

function vulnerability(advisory: Advisory, products: Products | null) {
  const { cve, cwes = [], credits = [] } = advisory;
  const [id] = cwes;
  const name = id === undefined ? undefined : weaknessName(id);
  return {
    ...(credits.length === 0
      ? {}
      : { acknowledgments: credits.map((credit) => ({ names: [credit.name], summary: capitalised(credit.role) })) }),
    ...(cve ? { cve } : {}),
    ...(name === undefined ? {} : { cwe: { id, name } }),
    ids: [{ system_name: 'Case', text: advisory.caseId }],
    notes: vulnerabilityNotes(advisory, products),
    ...(products ? ofProducts(advisory, products) : {}),
    release_date: toIso(advisory.releasedAt),
    title: oneLine(advisory.title),
  };
}

/** What CSAF has no member for, or only one that products have to be named with. */
function vulnerabilityNotes(
  { description, condition, detection, mitigation, severity, cwes = [] }: Advisory,
  products: Products | null,
) {
  const cvss = cvssOf(severity);
  const hasPlace = products !== null && cvss !== null && cvss.version !== '4.0';
  return [
    ...note('description', 'Description', description),
    ...note('details', 'Am I vulnerable?', condition),
    ...note('details', 'Detection', detection),
    ...(products ? [] : note('details', 'Mitigation', mitigation)),
    ...(severity && !hasPlace ? note('general', 'Severity', severityWords(severity)) : []),
    ...(cwes.length > 1 ? note('general', 'Weaknesses', cwes.map((id) => `${id}: ${weaknessName(id) ?? ''}`).join('\n')) : []),
  ];
}

/** CSAF 2.0 has scores of CVSS 2 and 3 (§3.2.3.13); one of CVSS 4 stands in a note. */
function ofProducts({ severity, mitigation, ...advisory }: Advisory, { affected, fixed, mended }: Products) {
  const cvss = cvssOf(severity);
  const remediations = [
    ...(said(mitigation) ? [{ category: 'mitigation', details: said(mitigation), product_ids: affected }] : []),
    ...(mended.length > 0 ? [{ category: 'vendor_fix', details: fixWords(advisory), product_ids: mended }] : []),
  ];
  return {
    product_status: { known_affected: affected, ...(fixed.length === 0 ? {} : { fixed }) },
    ...(remediations.length === 0 ? {} : { remediations }),
    ...(cvss === null || cvss.version === '4.0' ? {} : { scores: [{ cvss_v3: cvssMembers(cvss), products: affected }] }),
  };
}

function fixWords({ affected = [], fixImpact, patches = [] }: Advisory): string {
  const fixes = affected.flatMap((entry) => {
    const versions = fixedIn(entry);
    return versions.length === 0 ? [] : [`${nameOf(entry)}: update to ${versions.join(', ')}, or later in the same line.`];
  });
  return [
    ...fixes,
    ...(said(fixImpact) ? ['', said(fixImpact)] : []),
    ...(patches.length === 0 ? [] : ['', 'Patches (SHA-256):', ...patches.map(({ name, sha256 }) => `${sha256}  ${name}`)]),
  ].join('\n');
}
