/**
 * What makes a path valid: ZooKeeper 3.9, PathUtils.validatePath, and server-semantics 1.1.
 *
 * @returns undefined for a valid path, else what is wrong with it.
 */
export function pathProblem(path: string): string | undefined {
  if (path.length === 0) return "a path cannot be empty";
  if (path.charCodeAt(0) !== SLASH) return "a path must start with '/'";
  if (path.length === 1) return undefined;
  if (path.charCodeAt(path.length - 1) === SLASH) return "a path must not end with '/'";
  let componentStart = 1;
  for (let i = 1; i <= path.length; i++) {
    const unit = i < path.length ? path.charCodeAt(i) : SLASH;
    if (unit === SLASH) {
      const length = i - componentStart;
      if (length === 0) return `empty name at character ${i}`;
      if (isDots(path, componentStart, length)) {
        return `relative name at character ${componentStart}`;
      }
      componentStart = i + 1;
    } else if (isForbidden(unit)) {
      return `forbidden character U+${unit.toString(16).padStart(4, "0")} at character ${i}`;
    }
  }
  return undefined;
}

/** The path of the parent: "/" for a top-level znode. The path is valid and not "/". */
export function parentPath(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash <= 0 ? "/" : path.slice(0, slash);
}

/** The last name of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The path of a child, whose name has no slash. */
export function childPath(parent: string, name: string): string {
  return parent === "/" ? `/${name}` : `${parent}/${name}`;
}

const SLASH = 0x2f;
const DOT = 0x2e;

function isDots(path: string, start: number, length: number): boolean {
  if (length > 2 || path.charCodeAt(start) !== DOT) return false;
  return length === 1 || path.charCodeAt(start + 1) === DOT;
}

function isForbidden(unit: number): boolean {
  return (
    unit <= 0x1f ||
    (unit >= 0x7f && unit <= 0x9f) ||
    (unit >= 0xd800 && unit <= 0xf8ff) ||
    unit >= 0xfff0
  );
}
