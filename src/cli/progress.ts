/** Where a bar is drawn: standard error. */
export interface Screen {
  isTTY?: boolean;
  columns?: number;
  write(text: string): unknown;
}

export interface ProgressBar {
  /** How far it has come; drawn where that is another percent, or another thing that is being done. */
  show(what: string, done: number, total: number): void;
  /** Takes the bar away: what is said next begins on an empty line. */
  clear(): void;
}

const WIDEST = 40;

/** A bar for the person who waits: where nobody looks, or a program reads, nothing is written. */
export function progressBar({ json }: { json?: true }, screen: Screen = process.stderr): ProgressBar {
  if (json || screen.isTTY !== true) return { show: () => {}, clear: () => {} };
  let shown = '';
  return {
    show: (what, done, total) => {
      const percent = total === 0 ? 100 : Math.floor((100 * done) / total);
      if (shown === `${what} ${percent}`) return;
      shown = `${what} ${percent}`;
      screen.write(`\r\x1b[K${lineOf(what, { percent, done, total }, screen.columns || 80)}`);
    },
    clear: () => {
      if (shown !== '') screen.write('\r\x1b[K');
      shown = '';
    },
  };
}

/** `Reading certificates  [#####     ]  50 %  5000/10000`, short enough for one line. */
function lineOf(what: string, at: { percent: number; done: number; total: number }, columns: number): string {
  const count = `${String(at.percent).padStart(3)} %  ${at.done}/${at.total}`;
  const width = Math.min(WIDEST, columns - what.length - count.length - 7);
  if (width < 5) return count.slice(0, columns - 1);
  const full = Math.floor((width * at.percent) / 100);
  return `${what}  [${'#'.repeat(full)}${' '.repeat(width - full)}]  ${count}`;
}
