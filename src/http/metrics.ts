import { Type } from 'typebox';
import type { App } from './api.ts';
import type { Numbers } from './numbers.ts';

/** The text format of Prometheus. */
const TEXT = 'text/plain';

export function metricsRoute(app: App, numbers: Numbers): void {
  const schema = {
    tags: ['server'],
    summary: 'Numbers for Prometheus',
    description: 'docs/monitoring.md says what each of them means. Nothing of a mail, a case or a person is in them.',
    response: { 200: { description: 'In the text format', content: { [TEXT]: { schema: Type.String() } } } },
  };
  app.get('/metrics', { schema }, async (_request, reply) => {
    const { type, text } = await numbers.read();
    return reply.type(type).send(text);
  });
  app.addHook('onClose', () => numbers.close());
}
