/** Ways to make the disk under a SQLite database full, and free again, with what this machine allows. */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export interface FullDisk {
  /** From now on nothing more can be written. */
  fill(daemonPid: number): void;
  free(daemonPid: number): void;
  release(): void;
}

const DISK_SIZE = '48m';
const BLOCK = Buffer.alloc(64 * 1024, 1);

/** A small file system of its own in memory, full as a disk is; only for those who may mount one. */
export function smallDisk(folder: string): FullDisk | undefined {
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_SIZE},mode=700`, 'manifold-test', folder]);
  if (mounted.status !== 0) return undefined;
  const filler = join(folder, 'filler');
  return {
    fill: () => writeUntilFull(filler),
    free: () => rmSync(filler, { force: true }),
    release() {
      spawnSync('umount', ['-l', folder]);
    },
  };
}

function writeUntilFull(path: string): void {
  const file = openSync(path, 'w');
  try {
    for (const length of [BLOCK.length, 4096, 1]) {
      try {
        for (;;) writeSync(file, BLOCK, 0, length);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      }
    }
  } finally {
    closeSync(file);
  }
}

/** A limit on the size of files, put on the running process: no write beyond it succeeds. Needs no rights. */
export function fileSizeLimit(folder: string): FullDisk | undefined {
  if (spawnSync('prlimit', ['--version']).status !== 0) return undefined;
  const limit = (pid: number, soft: string): void => {
    const { status, stderr } = spawnSync('prlimit', ['--pid', String(pid), `--fsize=${soft}:`], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`prlimit failed: ${stderr}`);
  };
  return {
    fill(pid) {
      const sizes = readdirSync(folder).map((name) => statSync(join(folder, name)).size);
      // The write-ahead log begins anew after a checkpoint: only a limit below what it has is felt at once.
      limit(pid, String(Math.max(4096, Math.floor(Math.min(...sizes.filter((size) => size > 4096)) / 2))));
    },
    free: (pid) => limit(pid, 'unlimited'),
    release: () => undefined,
  };
}
