import { type Static, Type } from 'typebox';
import { confirmRestoration } from '../backup/restore.ts';
import * as deliveries from '../store/deliveries.ts';
import * as restorations from '../store/restorations.ts';
import type { Api, App } from './api.ts';
import { acting, callerOf } from './auth.ts';
import { orNull } from './case-view.ts';
import { InstantText, readInstant } from './instant.ts';
import { RestorationView } from './schemas.ts';

const tags = ['restoration'];

export function restorationRoutes(app: App, api: Api): void {
  show(app, api);
  confirm(app, api);
}

async function view({ seams: { db } }: Api): Promise<Static<typeof RestorationView>> {
  const last = await restorations.last(db);
  return {
    takenAt: orNull(last?.taken_at ?? null),
    restoredAt: orNull(last?.restored_at ?? null),
    confirmedAt: orNull(last?.confirmed_at ?? null),
    held: await deliveries.countHeld(db, 'restored'),
  };
}

function show(app: App, api: Api): void {
  const schema = {
    tags,
    summary: 'Say whether the database was restored from a backup, and what waits since',
    response: { 200: RestorationView },
  };
  app.get('/restoration', { schema }, () => view(api));
}

function confirm(app: App, api: Api): void {
  const body = Type.Object(
    { restoredAt: { ...InstantText, description: 'what was shown as `restoredAt`' } },
    { additionalProperties: false },
  );
  const schema = {
    tags,
    summary: 'Confirm that what happened since the backup was looked at: what is due goes out',
    body,
    response: { 200: RestorationView },
  };
  app.post('/restoration/confirm', { schema }, async ({ body: { restoredAt }, caller }) => {
    const { personId } = callerOf({ caller });
    await confirmRestoration(acting(api.seams, caller), { restoredAt: readInstant(restoredAt, 'restoredAt'), personId });
    api.changed.deliveries();
    api.changed.releases();
    return view(api);
  });
}
