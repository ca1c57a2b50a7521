// The versions of Node that `engines` admits, for a message that says more than a syntax error would.

/** Must agree with `engines` in package.json: the same minor release of 20, or 22.12 and later. */
export function requireNodeVersion() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const isAdmitted = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22;
  if (isAdmitted) return;
  throw new Error(
    `Node ^20.19.0 or >=22.12.0 is needed; this is ${process.version} (${process.execPath})`,
  );
}
