/**
 * Puts what journals have in a blob store's folder to its place, where something else or nothing is. They stay as they are: whoever lives may be writing to his,
 * and what was brought back is not durable without them.
 */
export function replayJournals(root: string): void;
