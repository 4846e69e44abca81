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
}

const mail = { fromMail: true, clear: null, submitted: null, silent: false } as const;
const notice = { fromMail: false, clear: null, submitted: 'auto-generated', silent: false } as const;
const reply = { fromMail: false, clear: null, submitted: 'auto-replied', silent: true } as const;

export const kinds: Readonly<Record<PostKind, KindOfPost>> = {
  report: mail,
  post: mail,
  owner: { ...mail, silent: true },
  request: mail,
  bounce: mail,
  draft: notice,
  dispatch: { ...notice, submitted: null },
  public: { ...notice, clear: 'public', submitted: null },
  lifted: notice,
  news: notice,
  'news-clear': { ...notice, clear: 'stranger', silent: true },
  alert: { ...notice, silent: true },
  membership: notice,
  'key-wanted': { ...notice, clear: 'stranger', silent: true },
  answer: reply,
  key: { ...reply, clear: 'stranger' },
  receipt: reply,
  'receipt-clear': { ...reply, clear: 'stranger' },
};
