// What every Network of protocol/host.ts does.

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { HostError, Link, LinkHandlers, Listener } from "../../protocol/host.ts";
import type { Bench, BenchKind } from "./benches.ts";

/** Writes down what a link is told, and tells who waits for it. */
class Recorder implements LinkHandlers {
  readonly told: string[] = [];
  received: Buffer = Buffer.alloc(0);
  error: HostError | undefined;
  #waiting: (() => void) | undefined;

  opened(): void {
    this.#note("opened");
  }

  data(bytes: Buffer): void {
    this.received = Buffer.concat([this.received, bytes]);
    this.#note("data");
  }

  ended(): void {
    this.#note("ended");
  }

  drained(): void {
    this.#note("drained");
  }

  closed(error: HostError | undefined): void {
    this.error = error;
    this.#note("closed");
  }

  /** Calls back once `condition` holds. */
  when(condition: () => boolean, done: () => void): void {
    const check = (): void => {
      if (!condition()) return;
      this.#waiting = undefined;
      done();
    };
    this.#waiting = check;
    check();
  }

  #note(what: string): void {
    this.told.push(what);
    this.#waiting?.();
  }
}

export function networkSuite(kind: BenchKind): void {
  describe(`the network of ${kind.name}`, () => {
    let bench: Bench;
    let listener: Listener;
    let accepted: { link: Link; recorder: Recorder }[];
    let arrived: (() => void) | undefined;
    let links: Link[];

    const listen = (port: number): Promise<[HostError | undefined, Listener | undefined]> =>
      bench.settle((done) =>
        bench.host.network.listen(
          { host: bench.address, port, backlog: 16 },
          (link) => {
            const recorder = new Recorder();
            link.handlers = recorder;
            accepted.push({ link, recorder });
            links.push(link);
            arrived?.();
          },
          (error, made) => done([error, made]),
        ),
      );

    const until = (recorder: Recorder, condition: () => boolean): Promise<void> =>
      bench.settle<void>((done) => recorder.when(condition, done));

    /** A connection with both its ends. */
    const pair = async (): Promise<{
      near: Link;
      nearTold: Recorder;
      far: Link;
      farTold: Recorder;
    }> => {
      const nearTold = new Recorder();
      const count = accepted.length;
      const near = bench.host.network.connect(
        { host: bench.address, port: listener.port },
        nearTold,
      );
      links.push(near);
      await bench.settle<void>((done) => {
        arrived = done;
      });
      arrived = undefined;
      await until(nearTold, () => nearTold.told.includes("opened"));
      const { link: far, recorder: farTold } = accepted[count]!;
      return { near, nearTold, far, farTold };
    };

    beforeEach(async () => {
      bench = await kind.open();
      accepted = [];
      links = [];
      const [error, made] = await listen(0);
      expect(error).toBeUndefined();
      listener = made!;
    });

    afterEach(async () => {
      for (const link of links) link.destroy();
      await bench.settle<void>((done) => listener.close(done));
      await bench.end();
    });

    test("finds a free port, and refuses one that is taken", async () => {
      expect(listener.port).toBeGreaterThan(0);
      const [error, second] = await listen(listener.port);
      expect(error?.code).toBe("EADDRINUSE");
      expect(second).toBeUndefined();
    });

    test("carries bytes both ways, in order, and says who is there", async () => {
      const { near, nearTold, far, farTold } = await pair();
      expect(near.write(Buffer.from("ping "))).toBe(true);
      expect(near.write(Buffer.from("pong"))).toBe(true);
      await until(farTold, () => farTold.received.length === 9);
      expect(farTold.received.toString()).toBe("ping pong");
      far.write(Buffer.from("back"));
      await until(nearTold, () => nearTold.received.length === 4);
      expect(nearTold.told[0]).toBe("opened");
      expect(far.remoteAddress).toBe(bench.address);
      expect(near.remotePort).toBe(listener.port);
      expect(near.pendingBytes).toBe(0);
    });

    test("lets a writer reuse a buffer that was taken at once", async () => {
      const { near, farTold } = await pair();
      const buffer = Buffer.from("first ");
      expect(near.write(buffer)).toBe(true);
      buffer.write("second");
      expect(near.write(buffer)).toBe(true);
      await until(farTold, () => farTold.received.length === 12);
      expect(farTold.received.toString()).toBe("first second");
    });

    test("refuses where nobody listens", async () => {
      await bench.settle<void>((done) => listener.close(done));
      const told = new Recorder();
      const port = listener.port;
      links.push(bench.host.network.connect({ host: bench.address, port }, told));
      await until(told, () => told.told.includes("closed"));
      expect(told.told).toEqual(["closed"]);
      expect(told.error?.code).toBe("ECONNREFUSED");
    });

    test("keeps what the peer does not read, and tells when it has left", async () => {
      const { near, nearTold, far, farTold } = await pair();
      far.pause();
      const chunk = Buffer.alloc(1_000_000, "0123456789");
      let sent = 0;
      while (sent < 64 && near.write(chunk)) sent++;
      sent++;
      expect(near.pendingBytes).toBeGreaterThan(0);
      expect(near.write(Buffer.from("end"))).toBe(false);
      expect(nearTold.told).not.toContain("drained");
      far.resume();
      await until(nearTold, () => nearTold.told.includes("drained"));
      expect(near.pendingBytes).toBe(0);
      const length = sent * chunk.length + 3;
      await until(farTold, () => farTold.received.length === length);
      expect(farTold.received.toString("latin1", length - 13)).toBe("0123456789end");
      expect(nearTold.told.filter((what) => what === "drained")).toHaveLength(1);
    }, 30_000);

    test("delivers nothing while paused", async () => {
      const { near, nearTold, far, farTold } = await pair();
      far.pause();
      near.write(Buffer.from("wait"));
      far.write(Buffer.from("marker"));
      await until(nearTold, () => nearTold.received.length === 6);
      expect(farTold.received.length).toBe(0);
      far.resume();
      await until(farTold, () => farTold.received.length === 4);
      expect(farTold.received.toString()).toBe("wait");
    });

    test("ends one way and goes on the other, until both have ended", async () => {
      const { near, nearTold, far, farTold } = await pair();
      near.write(Buffer.from("last words"));
      near.end();
      await until(farTold, () => farTold.told.includes("ended"));
      expect(farTold.received.toString()).toBe("last words");
      expect(farTold.told).not.toContain("closed");
      far.write(Buffer.from("still here"));
      await until(nearTold, () => nearTold.received.length === 10);
      far.end();
      await until(nearTold, () => nearTold.told.includes("closed"));
      await until(farTold, () => farTold.told.includes("closed"));
      expect(nearTold.told.slice(-2)).toEqual(["ended", "closed"]);
      expect(nearTold.error).toBeUndefined();
      expect(farTold.error).toBeUndefined();
    });

    test("drops a connection at once, and says so once to each side", async () => {
      const { near, nearTold, farTold } = await pair();
      near.destroy();
      expect(nearTold.told).not.toContain("closed");
      near.destroy();
      await until(nearTold, () => nearTold.told.includes("closed"));
      await until(farTold, () =>
        farTold.told.some((what) => what === "ended" || what === "closed"),
      );
      expect(nearTold.told.filter((what) => what === "closed")).toHaveLength(1);
      expect(nearTold.error).toBeUndefined();
      expect(near.write(Buffer.from("into the void"))).toBe(true);
    });

    test("leaves open links alone when the listener closes", async () => {
      const { near, farTold } = await pair();
      await bench.settle<void>((done) => listener.close(done));
      near.write(Buffer.from("on"));
      await until(farTold, () => farTold.received.length === 2);
      expect(farTold.received.toString()).toBe("on");
    });

    test("keeps what is written before the connection stands", async () => {
      const told = new Recorder();
      const port = listener.port;
      const near = bench.host.network.connect({ host: bench.address, port }, told);
      links.push(near);
      expect(near.write(Buffer.from("early"))).toBe(false);
      await bench.settle<void>((done) => {
        arrived = done;
      });
      const { recorder } = accepted[0]!;
      await until(recorder, () => recorder.received.length === 5);
      expect(recorder.received.toString()).toBe("early");
      await until(told, () => told.told.includes("drained"));
    });
  });
}
