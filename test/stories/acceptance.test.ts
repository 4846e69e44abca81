import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type Cast, makeCast } from '../../src/cli/demo/cast.ts';
import type { Moment } from '../../src/cli/demo/narrator.ts';
import { type Stage, setStage } from '../../src/cli/demo/stage.ts';
import { BEGIN, tell } from '../../src/cli/demo/story.ts';
import { DAY, HOUR } from '../../src/clock.ts';
import type { Case } from '../../src/store/schema.ts';
import { eachEngine } from '../support/dialects.ts';

/**
 * The acceptance story, on a whole server with real sockets and a clock that is moved. The demonstration plays it, and checks every copy
 * as its recipient; here stands, by the number of its line, what the server says of itself at that moment.
 */
const LINES: Record<string, { line: number; holds(world: World): Promise<void> }> = {
  'report received': {
    line: 1,
    async holds({ show }) {
      const { state, receivedAt, due } = await show();
      expect([state, receivedAt]).toEqual(['received', '2026-09-07T09:12:00.000Z']);
      expect(due.map(({ what, at }) => `${what} ${at}`)).toEqual(
        expect.arrayContaining([
          'acknowledge 2026-09-08T09:12:00.000Z',
          'forthcoming 2026-09-14T09:12:00.000Z',
          'release 2026-09-28T09:12:00.000Z',
        ]),
      );
    },
  },
  'lead claims it': {
    line: 2,
    async holds({ about, mailsTo, members }) {
      const { led_at, received_at } = await about();
      expect((led_at ?? 0) - received_at).toBe(22 * HOUR + 28 * 60_000);
      expect(mailsTo(...members)).toBe(0);
    },
  },
  'severity scored': {
    line: 3,
    async holds({ ask, caseId }) {
      expect(await ask(`/cases/${await caseId()}/details`)).toMatchObject({
        severity: { version: '3.1', score: 8.8, rating: 'high' },
        details: { cve: 'CVE-2026-99001' },
        lacking: [],
      });
    },
  },
  'patches approved': {
    line: 4,
    async holds({ show }) {
      const { state, patches, patchSet } = await show();
      expect([state, new Set(patches.map(({ sha256 }) => sha256)).size]).toEqual(['fix_ready', 3]);
      expect(patchSet).toMatchObject({ approved: true, revision: 1 });
    },
  },
  'embargo approved': {
    line: 5,
    async holds({ show }) {
      expect(await show()).toMatchObject({ state: 'scheduled', releaseAt: '2026-09-22T16:00:00.000Z', policies: ['orbit'] });
    },
  },
  'patch dispatched': {
    line: 7,
    async holds({ stage, mailsTo, members, cast }) {
      expect(mailsTo(...members)).toBe(4);
      expect(new Set(stage.sent.map(({ raw }) => /^Message-ID: .*$/m.exec(Buffer.from(raw).toString('latin1'))?.[0])).size).toBe(
        stage.sent.length,
      );
      // Delta was told of his suspension, before the case came.
      expect([mailsTo(cast.delta.address), mailsTo(cast.echo.address)]).toEqual([1, 0]);
    },
  },
  'members acknowledge': {
    line: 8,
    async holds({ stage, cast }) {
      const rows = await stage.running.seams.db
        .selectFrom('acknowledgements')
        .innerJoin('contacts', 'contacts.id', 'acknowledgements.contact_id')
        .select('contacts.address')
        .execute();
      expect(rows.map(({ address }) => address).sort()).toEqual([cast.alpha, cast.bravo, cast.charlie].map((one) => one.address));
    },
  },
  'bravo finds a hole in it': {
    line: 9,
    async holds({ mailsTo, cast }) {
      // The receipt alone.
      expect(mailsTo(cast.reporter.address)).toBe(1);
      expect(mailsTo(cast.dora.address)).toBe(2);
    },
  },
  'patch revised': {
    line: 10,
    async holds({ show, mailsTo, cast }) {
      expect(await show()).toMatchObject({ patchSet: { approved: true, revision: 2 }, releaseAt: '2026-09-22T16:00:00.000Z' });
      expect(mailsTo(cast.dora.address)).toBe(3);
    },
  },
  'release approved': {
    line: 12,
    async holds({ show, cast }) {
      const { state, approvals } = await show();
      const behind = approvals.filter(({ what }) => what === 'bundle').map(({ person }) => person);
      expect([state, behind.sort()]).toEqual(['armed', [cast.approver.address, cast.lead.address]]);
    },
  },
  'one second before': {
    line: 13,
    async holds({ mailsTo, ask, caseId }) {
      expect(mailsTo('reader@home.example', 'news@press.example', 'oss@public.example')).toBe(0);
      expect(await ask('/incidents?state=open')).toMatchObject({ items: [{ caseId: await caseId(), refused: true, mails: 1 }] });
    },
  },
  'members told': {
    line: 14,
    async holds({ about, mailsTo, show }) {
      for (const address of ['reader@home.example', 'news@press.example', 'oss@public.example']) expect(mailsTo(address)).toBe(1);
      const { released_at, release_at, patch_set, distributed_set, received_at, noticed_at } = await about();
      expect(released_at).toBe(release_at);
      expect(patch_set).toBe(distributed_set);
      expect((await show()).state).toBe('released');
      expect([(released_at ?? 0) - (noticed_at ?? 0), ((released_at ?? 0) - received_at) / DAY]).toEqual([
        8 * DAY,
        expect.closeTo(15.28, 2),
      ]);
    },
  },
};

interface Shown {
  state: string;
  receivedAt: string;
  due: { what: string; at: string }[];
  patches: { sha256: string }[];
  patchSet: object;
  approvals: { what: string; person: string }[];
}

interface World {
  stage: Stage;
  cast: Cast;
  /** Addresses of those who are active. */
  members: string[];
  about(): Promise<Case>;
  caseId(): Promise<string>;
  show(): Promise<Shown>;
  ask(path: string): Promise<Record<string, unknown>>;
  /** How many mails they all got so far. */
  mailsTo(...addresses: string[]): number;
}

function worldOf(stage: Stage, cast: Cast): World {
  const about = () => stage.running.seams.db.selectFrom('cases').selectAll().executeTakeFirstOrThrow();
  const caseId = async () => (await about()).id;
  const ask = async (path: string) => {
    const { status, body } = await stage.api(stage.adminToken, 'GET', path);
    expect(status, path).toBe(200);
    return body;
  };
  return {
    stage,
    cast,
    members: [cast.alpha, cast.bravo, cast.charlie, cast.dora].map(({ address }) => address),
    about,
    caseId,
    ask,
    show: async () => (await ask(`/cases/${await caseId()}`)) as unknown as Shown,
    mailsTo: (...addresses) => stage.sent.filter(({ to }) => addresses.includes(to)).length,
  };
}

eachEngine((engine) => {
  const folder = mkdtempSync(join(tmpdir(), 'curfew-acceptance-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('the story from the report to the release holds, line by line', async () => {
    const { config } = await engine.open();
    const cast = await makeCast(BEGIN - 30 * DAY);
    const stage = await setStage(join(folder, engine.name), BEGIN, 'postgres' in config ? config.postgres : null);
    const held: number[] = [];
    try {
      const world = worldOf(stage, cast);
      await tell(stage, cast, async ({ event, at }: Moment) => {
        const expected = LINES[event];
        if (!expected) return;
        await expected.holds(world).catch((error: unknown) => {
          throw new Error(`line ${expected.line}, at ${at}`, { cause: error });
        });
        held.push(expected.line);
      });
      expect(held).toEqual([1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 13, 14]);
      // Line 17.
      const { body } = await stage.api(stage.adminToken, 'GET', '/audit/verify');
      expect(body).toMatchObject({ whole: true, faults: [] });
    } finally {
      await stage.close();
    }
  });
});
