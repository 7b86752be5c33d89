// Owns the places of a script that its errors name: a small number for each, so that running code records a number only.
import { SourceMap } from 'node:module';
import type { Place } from '../base/problem';

/** Where something is said about a script that no line of it can be blamed for. */
export const noPosition = 0;

/** The places of all files of one script, by number; 0 is nowhere. */
export class Positions {
  readonly #places: (Place | undefined)[] = [undefined];

  add(place: Place): number {
    return this.#places.push(place) - 1;
  }

  /** The place, or the start of `file` when the number stands for none. */
  place(position: number, file: string): Place {
    return this.#places[position] ?? { file, line: 1, column: 1 };
  }

  /** `scripts/presence.ts:12:5`, or `file` alone when the number stands for no place. */
  text(position: number, file: string): string {
    const place = this.#places[position];
    return place === undefined ? file : `${place.file}:${place.line}:${place.column}`;
  }
}

/** The way back from what esbuild wrote to what the operator wrote, for one file. */
export class Origin {
  readonly #map: SourceMap;

  constructor(
    readonly file: string,
    sourceMap: string,
  ) {
    this.#map = new SourceMap(JSON.parse(sourceMap));
  }

  /** @param line of the generated code, from 1 @param column of the generated code, from 0 */
  place(line: number, column: number): Place {
    const entry = this.#map.findEntry(line - 1, column);
    if (!('originalLine' in entry)) return { file: this.file, line: 1, column: 1 };
    return { file: this.file, line: entry.originalLine + 1, column: entry.originalColumn + 1 };
  }
}
