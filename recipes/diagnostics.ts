/**
 * What recipes tell to whoever subscribes with `node:diagnostics_channel`. Without a subscriber a
 * message costs nothing.
 */

import { type Channel, channel } from "node:diagnostics_channel";

/** A contender lost its place and stands at the end of the queue: `{ directory, nodePath }`. */
export const requeued: Channel = channel("quorate:requeued");

/** Another family of locks in the directory: `{ directory, contenders }`. */
export const mixedLayout: Channel = channel("quorate:mixed-layout");

/** The directory's sequence numbers near their end: `{ directory, sequence }`. */
export const sequenceNearOverflow: Channel = channel("quorate:sequence-near-overflow");

/** Work that goes on after its caller has its answer failed for good: `{ error, context }`. */
export const backgroundError: Channel = channel("quorate:error");
