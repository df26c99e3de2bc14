/**
 * Which file systems keep the position of a name when another file is renamed to it.
 *
 * @module
 */

interface Runtime {
  readonly process?: {
    readonly platform?: string;
    getBuiltinModule?(
      name: "node:fs",
    ): { readonly promises: { statfs(path: string): Promise<{ readonly type: number }> } };
  };
}

// ext2 to ext4, XFS, F2FS and ZFS replace the entry where it stands. tmpfs, btrfs and others move it.
const STEADY: readonly number[] = [0xef53, 0x58465342, 0xf2f52010, 0x2fc12fc1];

/** Whether a listing of a folder has each name once, also while files are renamed to it; `false` if that is unknown. */
export async function listsSteadily(path: string): Promise<boolean> {
  const { process } = globalThis as Runtime;
  // NTFS and APFS find names by the name itself.
  if (process?.platform !== "linux") return true;
  try {
    const type = (await process.getBuiltinModule?.("node:fs").promises.statfs(path))?.type;
    return type !== undefined && STEADY.includes(type);
  } catch {
    return false;
  }
}
