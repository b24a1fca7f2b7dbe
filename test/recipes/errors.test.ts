import { expect, test } from "vitest";
import { isRecipeError, RecipeError } from "../../recipes/errors.ts";

test("an error tells its code, its path and why", () => {
  const cause = new Error("below");
  const error = new RecipeError("LockLost", { path: "/l", reason: "deadline", result: 7, cause });
  expect(error).toMatchObject({
    name: "RecipeError",
    code: "LockLost",
    path: "/l",
    result: 7,
    cause,
  });
  expect(error.message).toBe("LockLost: the lock is no longer held (deadline): /l");
});

// recipes CL-80
test("the guard knows errors from another copy of the package", () => {
  const stranger = Object.assign(new Error("x"), { code: "LockTimeout" });
  expect(isRecipeError(stranger)).toBe(false);
  Object.defineProperty(stranger, Symbol.for("quorate.RecipeError"), { value: true });
  expect(isRecipeError(stranger)).toBe(true);
  expect(isRecipeError(stranger, "LockTimeout")).toBe(true);
  expect(isRecipeError(stranger, "LockLost", "MixedLayout")).toBe(false);
  expect(isRecipeError(undefined)).toBe(false);
});
