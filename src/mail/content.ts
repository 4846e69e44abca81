import { simpleParser } from 'mailparser';

/** What a person sees of an entity: its text, and its files. */
export interface VisibleContent {
  /** Of the text parts, HTML left out; LF line ends. */
  text: string;
  files: { name: string; mediaType: string; bytes: Uint8Array }[];
}

/**
 * Reads it for showing. Nothing is fetched and no HTML is turned into text. No decision is made on what comes out: those
 * are made on the tree of message.ts, whose octets are the ones that were signed.
 */
export async function visibleContent(entity: Uint8Array): Promise<VisibleContent> {
  const parsed = await simpleParser(Buffer.from(entity), { skipHtmlToText: true, skipTextToHtml: true, skipImageLinks: true });
  return {
    text: parsed.text ?? '',
    files: parsed.attachments.map(({ filename, contentType, content }) => ({
      name: filename ?? 'unnamed',
      mediaType: contentType,
      bytes: content,
    })),
  };
}
