import type { PostKind } from '../store/schema.ts';

/** What a kind of post means wherever it goes. */
export interface KindOfPost {
  /** Somebody sent it, and it is kept as it came; all others are Curfew's own words. */
  fromMail: boolean;
  /** Who may get it unsealed: a stranger, in fixed words, or the public, once it is released. */
  clear: 'stranger' | 'public' | null;
  /** RFC 3834 §5: what no person wrote says so. */
  submitted: 'auto-replied' | 'auto-generated' | null;
  /** It is itself an answer or an alarm, and nobody may answer it: it goes out with the null sender (RFC 3834 §3.3). */
  silent: boolean;
  /**
   * Which address of the list it comes from, and is to: where the answer of any client goes, also of one that knows no protected
   * Reply-To. What the people behind a list have among themselves must not come back to its members; null: the list itself.
   */
  voice: 'owner' | 'request' | null;
  /** It is for who is on the list, and for nobody who has left it by the time that his copy goes out; any other copy is for him. */
  toList: boolean;
}

const mail = { fromMail: true, clear: null, submitted: null, silent: false, voice: null, toList: false } as const;
const notice = { fromMail: false, clear: null, submitted: 'auto-generated', silent: false, voice: null, toList: false } as const;
const reply = { fromMail: false, clear: null, submitted: 'auto-replied', silent: true, voice: null, toList: false } as const;

export const kinds: Readonly<Record<PostKind, KindOfPost>> = {
  report: { ...mail, toList: true },
  post: { ...mail, toList: true },
  owner: { ...mail, silent: true, voice: 'owner', toList: true },
  request: mail,
  bounce: mail,
  draft: notice,
  details: notice,
  evidence: notice,
  notice,
  prenotice: { ...notice, toList: true },
  forthcoming: { ...notice, clear: 'public', submitted: null },
  'reply-clear': { ...notice, clear: 'stranger', silent: true },
  retrospective: notice,
  archive: notice,
  minimal: { ...notice, clear: 'public', submitted: null },
  dispatch: { ...notice, submitted: null, toList: true },
  public: { ...notice, clear: 'public', submitted: null },
  lifted: notice,
  leaked: notice,
  withdrawn: notice,
  news: notice,
  'news-clear': { ...notice, clear: 'stranger', silent: true },
  alert: { ...notice, silent: true, voice: 'owner' },
  membership: { ...notice, voice: 'owner' },
  proof: { ...notice, voice: 'request' },
  'key-wanted': { ...notice, clear: 'stranger', silent: true, voice: 'request' },
  answer: { ...reply, voice: 'request' },
  waits: { ...reply, voice: 'owner' },
  key: { ...reply, clear: 'stranger' },
  receipt: reply,
  'receipt-clear': { ...reply, clear: 'stranger' },
};
