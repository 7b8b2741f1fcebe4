/**
 * The condition, inside a scan of `repository r`, that a principal may pull the repository: $1 and $2 are the policies and
 * scopes of Decisions.findReadable.
 */
export const IS_READABLE = `(r.visibility = 'public' OR (r.name ~ ANY($1::text[]) AND r.name ~ ANY($2::text[])))`;

/** The condition, inside a scan of `repository r`, that it is another organisation's, as findOrganisation of its name says. */
export const IS_MIRROR = `(r.name ~ '^[^/.]*[.][^/]*/')`;
