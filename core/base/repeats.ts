// Owns the counting of repeated log lines: what says the same again and again is summed up instead of written.
import type { Clock } from './clock';

/** Lines of one text that are written before counting starts. */
const freeLines = 5;
/** Length of the window in ms, from a text's first line. */
const windowMs = 10_000;
/** Texts watched at once. Beyond that, lines are written: memory stays bounded whatever is logged. */
const maxTexts = 256;

interface Window<W> {
  readonly who: W;
  readonly end: number;
  lines: number;
}

/** Decides which lines are written. `W` is who spoke, handed back with the sum. */
export class RepeatFilter<W> {
  readonly #windows = new Map<string, Window<W>>();

  constructor(private readonly clock: Clock) {}

  /** Whether this line is to be written; if not, it is counted. */
  admit(text: string, who: W): boolean {
    const now = this.clock.now();
    const open = this.#windows.get(text);
    if (open !== undefined && now < open.end) {
      open.lines++;
      return open.lines <= freeLines;
    }
    if (open === undefined && this.#windows.size < maxTexts) {
      this.#windows.set(text, { who, end: now + windowMs, lines: 1 });
    }
    return true;
  }

  /** Closes the windows that have ended (all of them: `everything`) and says what was left out in them. */
  collect(everything = false): { text: string; who: W; repeated: number }[] {
    const now = this.clock.now();
    const sums: { text: string; who: W; repeated: number }[] = [];
    for (const [text, { who, end, lines }] of this.#windows) {
      if (!everything && now < end) continue;
      this.#windows.delete(text);
      if (lines > freeLines) sums.push({ text, who, repeated: lines - freeLines });
    }
    return sums;
  }
}
