import { toIso } from '../clock.ts';
import { type Advisory, headline, lastChange, newestFirst, paths, type Site, said, updatedAt } from './advisory.ts';
import { type Markup, markup, nothing } from './markup.ts';

/** Atom (RFC 4287). The id of an entry is the URL of its page, that of the feed its own (§4.2.6): they stay as long as the site does. */
export function atomFeed(advisories: readonly Advisory[], site: Site): string {
  const { project, url, publisher } = site;
  return markup`<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">
<id>${url}${paths.feed}</id>
<title>${project}: security advisories</title>
<updated>${toIso(lastChange(advisories))}</updated>
<author><name>${publisher.name}</name><uri>${publisher.namespace}</uri></author>
<link rel="self" type="application/atom+xml" href="${url}${paths.feed}"/>
<link rel="alternate" type="text/html" href="${url}${paths.index}"/>
<generator>Curfew</generator>
${newestFirst(advisories).map((advisory) => entry(advisory, site))}</feed>
`.markup;
}

function entry(advisory: Advisory, { url }: Site): Markup {
  const { severity } = advisory;
  return markup`<entry>
<id>${url}${paths.page(advisory)}</id>
<title>${headline(advisory)}</title>
<published>${toIso(advisory.releasedAt)}</published>
<updated>${toIso(updatedAt(advisory))}</updated>
<link rel="alternate" type="text/html" href="${url}${paths.page(advisory)}"/>
<link rel="related" type="application/json" title="CSAF 2.0" href="${url}${paths.csaf(advisory)}"/>
${severity ? markup`<category term="${severity.rating}" label="Severity: ${severity.rating}"/>\n` : nothing}<summary>${
    said(advisory.withdrawn?.reason) ?? said(advisory.summary) ?? advisory.description
  }</summary>
</entry>
`;
}
