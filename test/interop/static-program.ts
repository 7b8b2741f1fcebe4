import { readFileSync } from 'node:fs';

import { findProgram } from './programs.ts';

const ELF64_LITTLE_ENDIAN = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
const PT_INTERP = 3;

/** Finds a busybox that needs no library of the system, such as Debian's busybox-static, and so runs in an empty image. */
export function findStaticBusybox(): string | undefined {
  const path = findProgram('busybox');
  return path !== undefined && isStatic(readFileSync(path)) ? path : undefined;
}

/** A program without a segment that names an interpreter is loaded by the kernel alone (ELF-64, Program header). */
function isStatic(program: Buffer): boolean {
  if (!program.subarray(0, ELF64_LITTLE_ENDIAN.length).equals(ELF64_LITTLE_ENDIAN)) return false;
  const offset = Number(program.readBigUInt64LE(32));
  const entryBytes = program.readUInt16LE(54);
  const types = Array.from({ length: program.readUInt16LE(56) }, (_, index) =>
    program.readUInt32LE(offset + index * entryBytes),
  );
  return !types.includes(PT_INTERP);
}
