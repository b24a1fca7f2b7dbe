/** The source with a planted bug in it. @throws Error where the anchor is not there exactly once. */
export function plant(
  source: string,
  bug: {
    readonly name: string;
    readonly file: string;
    readonly anchor: string;
    readonly replacement: string;
  },
): string;
