// Builds the container image from dist, with or without an image registry.
//
// Without one the base is made here: the machine's node binary and the libraries that ldd lists,
// as one tar for `docker import`. It has no shell, which is why the Dockerfile has no RUN.

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The image's tag. */
export const IMAGE = "quorate:local";

/**
 * Builds the image and returns its tag.
 *
 * @param base  the image to build on; undefined makes one of this machine's node.
 */
export function buildImage(base?: string): string {
  if (!existsSync(join(root, "dist/cli.js"))) throw new Error("dist is missing: npm run build");
  const from = base ?? importBase();
  return inTemporaryFolder((context) => {
    mkdirSync(join(context, "data"));
    for (const path of ["package.json", "LICENSE", "dist", ...runtimePackages()]) {
      cpSync(join(root, path), join(context, "app", path), { recursive: true });
    }
    docker("build", "--build-arg", `BASE=${from}`, "-t", IMAGE, "-f", "Dockerfile", context);
    return IMAGE;
  });
}

/** Folders of the packages that run in production, from the checkout's root. */
function runtimePackages(): string[] {
  const listed = execFileSync("npm", ["ls", "--omit=dev", "--all", "--parseable"], {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  return listed
    .trim()
    .split("\n")
    .map((path) => relative(root, path))
    .filter((path) => path !== "");
}

/** A base image of this machine's node, made once for each version of it. */
function importBase(): string {
  const tag = `quorate-base:${process.version.slice(1)}`;
  if (docker("images", "-q", tag).trim() !== "") return tag;
  return inTemporaryFolder((folder) => {
    const put = (from: string, to: string): void => {
      mkdirSync(join(folder, dirname(to)), { recursive: true });
      cpSync(realpathSync(from), join(folder, to));
    };
    put(process.execPath, "/usr/local/bin/node");
    for (const library of librariesOf(process.execPath)) put(library, library);
    mkdirSync(join(folder, "tmp"), { mode: 0o1777 });
    const tar = join(folder, "base.tar");
    execFileSync("tar", ["-C", folder, "--exclude=./base.tar", "-cf", tar, "."]);
    docker("import", "--change", "ENV PATH=/usr/local/bin", tar, tag);
    return tag;
  });
}

function librariesOf(binary: string): string[] {
  const lines = execFileSync("ldd", [binary], { encoding: "utf8" }).split("\n");
  return lines.flatMap((line) => /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1] ?? []);
}

function docker(...args: string[]): string {
  return execFileSync("docker", args, {
    cwd: root,
    encoding: "utf8",
    // The classic builder: Debian's engine comes without the newer one.
    env: { ...process.env, DOCKER_BUILDKIT: "0" },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

function inTemporaryFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "quorate-image-"));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
