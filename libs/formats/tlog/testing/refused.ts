import { expect } from 'vitest';

import type { TlogErrorCode } from '../index.ts';

/** Matches an error with this code. */
export function refused(code: TlogErrorCode): unknown {
  return expect.objectContaining({ name: 'TlogError', code });
}
