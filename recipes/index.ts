/** The recipes' public names (`quorate/recipes`). */
export {
  isRecipeError,
  type LossReason,
  RecipeError,
  type RecipeErrorCode,
  type RecipeErrorDetails,
} from "./errors.ts";
export type { OwnedHandle, ReleaseOptions, ReleaseOutcome } from "./handle.ts";
export type { Identity } from "./identity.ts";
export {
  type ContenderInfo,
  type LockContext,
  type Mutex,
  type MutexOptions,
  mutex,
  type ReadQueueOptions,
  type WithLockOptions,
} from "./mutex.ts";
