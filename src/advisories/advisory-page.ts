import { type Advisory, headline, historyOf, idOf, oneLine, paths, type Site, said } from './advisory.ts';
import { isWebUrl } from './faults.ts';
import { type Markup, markup, nothing } from './markup.ts';
import { framed, textOf, timeOf } from './page.ts';
import { type Block, documents, type Item, type Section, sectionsOf } from './sections.ts';
import { capitalised, severityWords } from './severity.ts';

export function advisoryPage(advisory: Advisory, site: Site): string {
  const summary = said(advisory.summary);
  const content = markup`${facts(advisory)}${summary === undefined ? nothing : textOf(summary)}${sectionsOf(advisory, site)
    .filter(({ anchor }) => anchor !== 'references')
    .map(section)}${linksOf(advisory, site)}${historyTable(advisory)}`;
  return framed(site, headline(advisory), content);
}

function facts({ caseId, cve, severity, releasedAt }: Advisory): Markup {
  return markup`<dl>
<dt>Case</dt><dd>${caseId}</dd>
${cve ? markup`<dt>CVE</dt><dd>${cve}</dd>\n` : nothing}${
  severity ? markup`<dt>Severity</dt><dd>${severityWords(severity)}</dd>\n` : nothing
}<dt>Published</dt><dd>${timeOf(releasedAt)}</dd>
</dl>
`;
}

function section({ anchor, title, blocks }: Section): Markup {
  const style = anchor === 'withdrawn' ? markup` class="notice"` : nothing;
  return markup`<section id="${anchor}"${style}>\n<h2>${title}</h2>\n${blocks.map(block)}</section>\n`;
}

function block(one: Block): Markup {
  return 'text' in one ? textOf(one.text) : list(one.items);
}

function list(items: readonly Item[]): Markup {
  return markup`<ul>\n${items.map((item) => markup`<li dir="auto">${linked(item)}</li>\n`)}</ul>\n`;
}

/** Nothing but the web is linked to, whatever was written. */
function linked({ text, url }: Item): Markup {
  if (url === undefined || !isWebUrl(url)) return markup`${text}`;
  return markup`<a href="${url}" rel="noreferrer">${text}</a>`;
}

function linksOf(advisory: Advisory, site: Site): Markup {
  const { references = [] } = advisory;
  const others = references.map(
    ({ url, summary }) => markup`<li dir="auto">${linked({ text: said(summary) ?? url, url })}</li>\n`,
  );
  const own = documents(advisory, site).slice(1);
  const here = own.map(({ name, path }) => markup`<li><a href="${path}">${name} (JSON)</a></li>\n`);
  return markup`<section id="references">\n<h2>References</h2>\n<ul>\n${others}${here}</ul>\n</section>\n`;
}

function historyTable(advisory: Advisory): Markup {
  const rows = historyOf(advisory).map(
    ({ at, summary }, index) => markup`<tr><td>${index + 1}</td><td>${timeOf(at)}</td><td>${summary}</td></tr>\n`,
  );
  return markup`<section id="history">
<h2>History</h2>
<table>
<thead><tr><th scope="col">Version</th><th scope="col">Date</th><th scope="col">Change</th></tr></thead>
<tbody>
${rows}</tbody>
</table>
</section>
`;
}

/** All advisories, the last release first. */
export function indexPage(advisories: readonly Advisory[], site: Site): string {
  const byRelease = [...advisories].sort((one, other) => other.releasedAt - one.releasedAt);
  const rows = byRelease.map(
    (advisory) =>
      markup`<tr><td>${timeOf(advisory.releasedAt)}</td><td><a href="${paths.page(advisory)}">${idOf(advisory)}</a></td><td>${
        advisory.severity ? capitalised(advisory.severity.rating) : ''
      }</td><td dir="auto">${advisory.withdrawn ? 'Withdrawn: ' : ''}${oneLine(advisory.title)}</td></tr>\n`,
  );
  const table = markup`<table>
<thead><tr><th scope="col">Published</th><th scope="col">Id</th><th scope="col">Severity</th><th scope="col">Title</th></tr></thead>
<tbody>
${rows}</tbody>
</table>
`;
  const none = markup`<p>There are none yet.</p>\n`;
  const feeds = markup`<p>For programs: <a href="${paths.feed}">Atom</a>, <a href="${paths.provider}">CSAF</a></p>\n`;
  return framed(site, 'Security advisories', markup`${rows.length === 0 ? none : table}${feeds}`);
}
