export { MessagingError, type MessagingErrorCode } from './errors.ts';
