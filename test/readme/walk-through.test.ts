import { describe, expect, test } from 'vitest';

import { openShell } from './shell.ts';
import { compareOutput, readWalkThrough } from './walk-through.ts';

const DOCUMENT = `# Title

## Begin

\`\`\`console
$ echo one |
    cat
one
$ echo two
$ printf 'a\\n  b\\nc\\n'
a
…
c
\`\`\`

\`\`\`sh
never read
\`\`\`

## End

\`\`\`console
$ echo three
\`\`\`
`;

describe('a document', () => {
  test('gives the commands of a section, with what it shows of their output', () => {
    expect(readWalkThrough(DOCUMENT, 'Begin')).toEqual([
      { command: 'echo one |\n    cat', shown: ['one'] },
      { command: 'echo two', shown: [] },
      { command: String.raw`printf 'a\n  b\nc\n'`, shown: ['a', '…', 'c'] },
    ]);
  });

  test('without commands below the heading is refused', () => {
    expect(() => readWalkThrough(DOCUMENT, 'Title')).toThrow('There are no commands below "Title".');
  });
});

const DIGEST = `sha256:${'ab'.repeat(32)}`;

describe('an output', () => {
  test.each([
    { shown: ['Pushed to', DIGEST], printed: `Pushed\n   to sha256:${'01'.repeat(32)}\n` },
    { shown: ['✓ A  1.0 s', '✓ B  2 min 3 s'], printed: '✓ B  0.1 s\n✓ A  1 min 0 s\n' },
    { shown: ['by …/policy', '…', 'end'], printed: 'by /home/me/policy\nsomething\nend' },
    { shown: ['root 3sVg… of'], printed: 'root A/b+= of' },
    { shown: ['at 2026-11-21T17:48:38.667Z'], printed: 'at 2027-01-01T00:00:00.000Z' },
  ])('may differ from $shown as runs differ', ({ shown, printed }) => {
    compareOutput(shown, printed);
  });

  test.each([
    { shown: ['index 1 of 2'], printed: 'index 1 of 3' },
    { shown: [DIGEST], printed: `sha256:${'ab'.repeat(31)}` },
    { shown: ['✓ A  1.0 s', '✓ B  1.0 s'], printed: '✓ A  1.0 s' },
    { shown: ['one', '…', 'end'], printed: 'one\n' },
    { shown: ['a.b (c)'], printed: 'axb (c)' },
  ])('that lacks $shown is refused', ({ shown, printed }) => {
    expect(() => {
      compareOutput(shown, printed);
    }).toThrow('was not printed');
  });
});

describe('a shell', () => {
  const options = { cwd: import.meta.dirname, env: process.env, timeoutMs: 10_000 };

  test('runs one command after the other, whose programs read nothing of what follows', async () => {
    const shell = openShell(options);
    expect(await shell.run('word=kept; cat')).toBe('');
    expect(await shell.run('echo $word; echo to standard error >&2')).toBe('kept\nto standard error\n');
    await shell.close();
  });

  test.each(['false', 'false | cat', 'no-such-program', 'exit 3'])(
    'refuses the failure of: %s',
    async (command) => {
      const shell = openShell(options);
      await expect(shell.run(command)).rejects.toThrow(command);
      await shell.close();
    },
  );

  test('ends what takes too long', async () => {
    const shell = openShell({ ...options, timeoutMs: 50 });
    await expect(shell.run('sleep 60')).rejects.toThrow('longer than 50 ms');
    await shell.close();
  });
});
