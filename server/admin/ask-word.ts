/** Asks a server a four-letter word, as `nc` would: for the command line, and for probes. */
import type { Address, Host, HostError } from "../../protocol/host.ts";

/** As long as ZooKeeper's own tool waits. */
const ANSWER_LIMIT_MS = 5000;
/** `cons` and `wchp` of a large server are long; more than this is no answer. */
const ANSWER_MAX_BYTES = 64 * 1024 * 1024;

/**
 * Resolves with the whole answer, empty where the server knows no such word.
 *
 * @throws HostError the connection failed; Error the answer is too long or takes over 5 seconds.
 */
export function askWord(host: Host, server: Address, word: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let refusal: Error | undefined;
    const refuse = (message: string): void => {
      refusal = new Error(message);
      link.destroy();
    };
    const limit = host.clock.after(ANSWER_LIMIT_MS, () => {
      refuse(`no answer within ${ANSWER_LIMIT_MS} ms`);
    });
    const link = host.network.connect(server, {
      opened: () => {
        link.write(Buffer.from(word, "latin1"));
      },
      data: (chunk) => {
        bytes += chunk.length;
        if (bytes > ANSWER_MAX_BYTES) refuse(`an answer of more than ${ANSWER_MAX_BYTES} bytes`);
        else chunks.push(Buffer.from(chunk));
      },
      ended: () => {
        link.end();
      },
      drained: () => undefined,
      closed: (error: HostError | undefined) => {
        limit.cancel();
        const problem = refusal ?? error;
        if (problem === undefined) resolve(Buffer.concat(chunks).toString("utf8"));
        else reject(problem);
      },
    });
  });
}
