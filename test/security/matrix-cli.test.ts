import { expect, test } from 'vitest';

import { buildProgram } from '../../apps/cli/program.ts';
import { createWorkplace } from '../../apps/cli/test-io.ts';
import { COMMANDS } from './matrix/commands.ts';

test('there is a row of the access matrix for each command', async () => {
  const place = await createWorkplace();
  const program = buildProgram({ io: place.quiet(), print: () => () => Promise.resolve() });
  await place.remove();
  const known = Object.keys(COMMANDS);
  expect(leavesOf(program).filter((words) => !known.includes(words))).toEqual([]);
});

type Command = ReturnType<typeof buildProgram>;

function leavesOf(command: Command, path: readonly string[] = []): readonly string[] {
  if (command.commands.length === 0) return [path.join(' ')];
  return command.commands.flatMap((child) => leavesOf(child, [...path, child.name()]));
}
