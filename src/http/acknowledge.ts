import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { paths, type Site } from '../advisories/advisory.ts';
import { type Markup, markup } from '../advisories/markup.ts';
import { CONTENT_SECURITY_POLICY, framed } from '../advisories/page.ts';
import { acknowledgeLinked, linked } from '../cases/acknowledgements.ts';
import { Refusal } from '../refusal.ts';
import type { Acknowledged } from '../store/schema.ts';
import type { Api, App } from './api.ts';
import { problemResponse } from './problem.ts';
import { limitRate, mustWait, placeOf } from './rate.ts';

/** A minute, from one address, of links that are none. */
const MOST_VISITS = 60;

const tags = ['public'];
const params = Type.Object({ token: Type.String({ maxLength: 100, description: 'of the link in a dispatch' }) });
const page = { description: 'A page', content: { 'text/html': { schema: Type.Unsafe<unknown>(Type.String()) } } };
const response = { 200: page, default: problemResponse };

/** In the order in which they are offered. */
const ANSWERS: Readonly<Record<Acknowledged, string>> = {
  acknowledged: 'We have it',
  affected: 'We have it, and are affected',
  not_affected: 'We have it, and are not affected',
  problem: 'There is a problem with it',
};

/**
 * The link in each copy of a dispatch, for who cannot answer by signed mail. What programs do that look at links notes nothing; the page
 * has no word of the case. A link that was used is a 404 like one that never was.
 */
export function acknowledgeRoutes(app: App, { seams, changed }: Api): void {
  const { site } = seams.project;
  const visits = limitRate(seams.clock, MOST_VISITS);
  // Those alone who have no good link: behind a proxy everybody has one address.
  const nothing = ({ ip }: FastifyRequest, reply: FastifyReply): Refusal => {
    mustWait(reply, visits.count(placeOf(ip)), 'Too many visits from there; try again in a minute');
    return new Refusal('not-found');
  };
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string', bodyLimit: 1024 }, (_request, body, done) =>
    done(null, Object.fromEntries(new URLSearchParams(String(body)))),
  );
  const path = `${paths.acknowledge}/:token`;

  const asking = { tags, summary: 'Where a distributor says once that he has a dispatch', params, response };
  app.get(path, { schema: asking }, async (request, reply) => {
    if (!(await linked(seams.db, request.params.token))) throw nothing(request, reply);
    return give(reply, site, 'Have you received what we sent you?', form());
  });

  const body = Type.Object(
    { status: Type.Enum(['acknowledged', 'affected', 'not_affected', 'problem']) },
    { additionalProperties: false },
  );
  const noting = {
    tags,
    summary: 'Note what a distributor says of a dispatch',
    consumes: ['application/x-www-form-urlencoded'],
    params,
    body,
    response,
  };
  app.post(path, { schema: noting }, async (request, reply) => {
    const { params, body, once } = request;
    const isNoted = await acknowledgeLinked({ ...seams, ...(once ? { once } : {}) }, params.token, body.status);
    if (!isNoted) throw nothing(request, reply);
    changed.deliveries();
    return give(
      reply,
      site,
      'Noted',
      markup`<p>Thank you. What you say from now on, say by signed mail: this page is gone.</p>\n`,
    );
  });
}

function form(): Markup {
  const buttons = Object.entries(ANSWERS).map(
    ([status, words]) => markup`<p><button name="status" value="${status}">${words}</button></p>\n`,
  );
  return markup`<form method="post">\n${buttons}</form>\n`;
}

function give(reply: FastifyReply, site: Site, title: string, content: Markup): FastifyReply {
  const policy = CONTENT_SECURITY_POLICY.replace("form-action 'none'", "form-action 'self'");
  return reply
    .header('content-security-policy', policy)
    .type('text/html; charset=utf-8')
    .send(framed(site, title, content));
}
