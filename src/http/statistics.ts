import { Type } from 'typebox';
import { statistics } from '../cases/read-statistics.ts';
import { DAY, toIso } from '../clock.ts';
import type { Api, App } from './api.ts';
import { orNull } from './case-view.ts';
import { InstantText, readInstant } from './instant.ts';
import { StatisticsView } from './schemas.ts';

const YEAR = 365 * DAY;

export function statisticsRoute(app: App, { seams }: Api): void {
  const schema = {
    tags: ['cases'],
    summary: 'Say how long cases were kept back, and whether they were released on time',
    description: 'Of cases that are not released there is nothing but their number.',
    querystring: Type.Object(
      { from: Type.Optional(InstantText), to: Type.Optional(InstantText) },
      { additionalProperties: false, description: 'left out: the last 365 days, until now' },
    ),
    response: { 200: StatisticsView },
  };
  app.get('/statistics', { schema }, async ({ query }) => {
    const to = query.to === undefined ? seams.clock.now() + 1 : readInstant(query.to, 'to');
    const from = query.from === undefined ? to - YEAR : readInstant(query.from, 'from');
    const { cases, ...rest } = await statistics(seams, from, to);
    return {
      from: toIso(from),
      to: toIso(to),
      ...rest,
      cases: cases.map((one) => ({
        ...one,
        receivedAt: toIso(one.receivedAt),
        noticedAt: orNull(one.noticedAt),
        releasedAt: toIso(one.releasedAt),
      })),
    };
  });
}
