-- Which sealing key a scope is encapsulated to, as the record that opened it says; null where a gateway of the version before opens one
-- during an upgrade, which knows the oldest key alone.
ALTER TABLE "scope" ADD COLUMN "panel_id" BYTEA;

UPDATE "scope" AS s
   SET "panel_id" = decode(convert_from(o."entry", 'UTF8')::jsonb->'predicate'->>'panelId', 'hex')
  FROM (SELECT r."ledger_id", r."record_id", e."entry" FROM "ledger_record" r
          JOIN "ledger_entry" e ON e."ledger_id" = r."ledger_id" AND e."index" = r."index"
         WHERE r."record_id" IN (SELECT "open_record_id" FROM "scope")
        UNION ALL
        SELECT "ledger_id", "record_id", "entry" FROM "ledger_queue"
         WHERE "record_id" IN (SELECT "open_record_id" FROM "scope")) AS o
 WHERE o."ledger_id" = s."ledger_id" AND o."record_id" = s."open_record_id";
