import { type Static, Type } from 'typebox';
import { toIso } from '../clock.ts';
import { clockState, confirmClock } from '../embargo/clock-watch.ts';
import type { Api, App } from './api.ts';
import { acting, callerOf } from './auth.ts';
import { orNull } from './case-view.ts';
import { InstantText, readInstant } from './instant.ts';
import { ClockView } from './schemas.ts';

const tags = ['clock'];

export function clockRoutes(app: App, api: Api): void {
  show(app, api);
  confirm(app, api);
}

async function view({ seams, clock }: Api): Promise<Static<typeof ClockView>> {
  const state = await clockState(seams.db, clock);
  return { ...state, wall: toIso(state.wall), believed: toIso(state.believed), since: orNull(state.since) };
}

function show(app: App, api: Api): void {
  const schema = {
    tags,
    summary: 'Say what time it is taken to be, and whether that is relied upon',
    response: { 200: ClockView },
  };
  app.get('/clock', { schema }, () => view(api));
}

function confirm(app: App, api: Api): void {
  const body = Type.Object(
    {
      wall: {
        ...InstantText,
        description: 'what was shown as `wall`, at most five minutes ago, and compared with another clock',
      },
    },
    { additionalProperties: false },
  );
  const schema = {
    tags,
    summary: 'Confirm that the clock of this node is right: what is due is released',
    body,
    response: { 200: ClockView },
  };
  app.post('/clock/confirm', { schema }, async ({ body: { wall }, caller }) => {
    const { personId } = callerOf({ caller });
    await confirmClock(acting(api.seams, caller), api.clock, { wall: readInstant(wall, 'wall'), personId });
    api.changed.deliveries();
    api.changed.releases();
    return view(api);
  });
}
