-- Uploads that are short keep their bytes in the row: what one has received is either here or in the store's file, which
-- those of earlier versions have. Not compressed: layers and most configs are not worth the attempt.
ALTER TABLE "upload" ADD COLUMN "held" BYTEA;
ALTER TABLE "upload" ALTER COLUMN "held" SET STORAGE EXTERNAL;
ALTER TABLE "upload" ADD CONSTRAINT "upload_held_check"
    CHECK ("held" IS NULL OR (octet_length("held") = "received" AND "received" <= 65536));
