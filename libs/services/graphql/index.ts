export type { GraphqlServices } from './context.ts';
export { registerGraphql } from './register.ts';
