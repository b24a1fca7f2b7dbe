import { expect, test, vi } from "vitest";
import { isZooKeeperError, ZooKeeperError } from "../../client/index.ts";

// recipes CL-80
test("errors are known as such across two copies of the package", async () => {
  vi.resetModules();
  const copy: typeof import("../../client/errors.ts") = await import("../../client/errors.ts");
  expect(copy.ZooKeeperError).not.toBe(ZooKeeperError);
  const error = new copy.ZooKeeperError("NoNode", { path: "/a" });
  expect(error instanceof ZooKeeperError).toBe(true);
  expect(isZooKeeperError(error, "NoNode")).toBe(true);
  expect(isZooKeeperError(error, "BadVersion", "NoAuth")).toBe(false);
  expect(isZooKeeperError(error)).toBe(true);
});

test.each([undefined, null, 3, "NoNode", new Error("NoNode"), { code: "NoNode" }])(
  "%s is none",
  (value) => {
    expect(isZooKeeperError(value)).toBe(false);
    expect((value as unknown) instanceof ZooKeeperError).toBe(false);
  },
);

// recipes CL-81
test("an error tells operation, path, what it means, and whether it may have taken effect", () => {
  const cause = new Error("ECONNRESET");
  const error = new ZooKeeperError("ConnectionLoss", {
    path: "/a",
    operation: "setData",
    ambiguous: true,
    cause,
  });
  expect(error.message).toMatch(/^ConnectionLoss on setData \/a: .*it may have taken effect/);
  expect(error.cause).toBe(cause);
  expect(error.retryable).toBe(true);
  expect(error.name).toBe("ZooKeeperError");
});

// recipes CL-20
test.each([
  ["ConnectionLoss", true],
  ["OperationTimeout", true],
  ["SessionMoved", true],
  ["SessionExpired", true],
  ["ThrottledOp", true],
  ["NoNode", false],
  ["BadVersion", false],
  ["Closed", false],
  ["Timeout", false],
] as const)("%s: retryable is %s", (code, retryable) => {
  expect(new ZooKeeperError(code).retryable).toBe(retryable);
});
