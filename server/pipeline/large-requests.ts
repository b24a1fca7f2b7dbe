/**
 * What the large requests in work take up together (`largeRequestThreshold`,
 * `largeRequestMaxBytes`). Small ones do not count.
 */
export interface LargeRequestOptions {
  /** 0: no request is large. */
  readonly largeRequestThresholdBytes: number;
  readonly largeRequestMaxBytes: number;
}

export class LargeRequests {
  readonly #threshold: number;
  readonly #maximum: number;
  #bytes = 0;

  constructor(options: LargeRequestOptions) {
    this.#threshold = options.largeRequestThresholdBytes || Number.POSITIVE_INFINITY;
    this.#maximum = options.largeRequestMaxBytes;
  }

  hasRoomFor(bytes: number): boolean {
    return bytes <= this.#threshold || this.#bytes + bytes <= this.#maximum;
  }

  add(bytes: number): void {
    if (bytes > this.#threshold) this.#bytes += bytes;
  }

  remove(bytes: number): void {
    if (bytes > this.#threshold) this.#bytes -= bytes;
  }
}
