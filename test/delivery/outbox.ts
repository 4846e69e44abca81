import type { Outcome } from '../../src/delivery/outcome.ts';
import { deliverBatch, type Send, type WorkOptions } from '../../src/delivery/work.ts';
import { createLog } from '../../src/log.ts';
import type { Seams } from '../../src/seams.ts';

export interface Sent {
  from: string | null;
  to: string;
  raw: Buffer;
}

export const OPTIONS: WorkOptions = { batch: 50, lease: 300, giveUp: 3600, connections: 5 };
export const silent = createLog('silent');

/** The relay that every copy goes to. `answers` may be changed at will. */
export interface Outbox {
  answers: (mail: Sent) => Outcome | Promise<Outcome>;
  send: Send;
  /** Sends what is due, and gives what the relay took since the last time. */
  drain(): Promise<Sent[]>;
}

export function outbox(seams: Seams, options = OPTIONS): Outbox {
  const sent: Sent[] = [];
  const box: Outbox = {
    answers: () => ({ state: 'delivered', response: '250 2.0.0 taken' }),
    send: async ({ from, to, raw }) => {
      const mail = { from, to, raw: Buffer.concat(raw) };
      const outcome = await box.answers(mail);
      if (outcome.state === 'delivered') sent.push(mail);
      return outcome;
    },
    async drain() {
      while ((await deliverBatch(seams, box.send, options, silent)) > 0);
      return sent.splice(0);
    },
  };
  return box;
}

/** The header section of a mail, unfolded. */
export function headerOf(raw: Buffer): string {
  return raw
    .toString()
    .slice(0, raw.indexOf('\r\n\r\n') + 2)
    .replaceAll(/\r\n(?=[ \t])/g, '');
}
