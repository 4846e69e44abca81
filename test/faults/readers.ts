import type { Instance } from '../support/instance.ts';

/** Who gets what is public: an address outside of the project, and two subscribers. */
export const PUBLIC = ['oss@public.example', 'press@press.example', 'reader@home.example'];

export async function enrolReaders(house: Instance): Promise<void> {
  for (const address of PUBLIC) await house.publish(address, address.startsWith('oss') ? 'external' : 'subscriber');
}
