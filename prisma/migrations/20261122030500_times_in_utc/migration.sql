-- Earlier versions wrote these times without their offset, and where the database had another time zone than UTC it took them for times of its own.
-- This session has the database's zone, as theirs had: in UTC nothing changes.
UPDATE "account" SET
  "created_at" = "created_at" AT TIME ZONE current_setting('TimeZone') AT TIME ZONE 'UTC',
  "expires_at" = "expires_at" AT TIME ZONE current_setting('TimeZone') AT TIME ZONE 'UTC',
  "disabled_at" = "disabled_at" AT TIME ZONE current_setting('TimeZone') AT TIME ZONE 'UTC';
UPDATE "namespace_rule" SET
  "created_at" = "created_at" AT TIME ZONE current_setting('TimeZone') AT TIME ZONE 'UTC';
UPDATE "immutable_tag" SET
  "created_at" = "created_at" AT TIME ZONE current_setting('TimeZone') AT TIME ZONE 'UTC';
