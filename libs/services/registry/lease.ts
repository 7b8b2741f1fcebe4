/** How long content stays that nothing needs yet, or nothing needs any more; seconds. */
export const DEFAULT_LEASE_SECONDS = 3600;

/** When a lease that is given now is over. */
export function leaseUntil({ clock, leaseSeconds = DEFAULT_LEASE_SECONDS }: LeaseDeps): Date {
  return new Date(clock().getTime() + leaseSeconds * 1000);
}

type LeaseDeps = { readonly clock: () => Date; readonly leaseSeconds?: number };
