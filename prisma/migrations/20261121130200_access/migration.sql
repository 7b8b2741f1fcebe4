-- Whoever could push could set tags: that stays so for the policies that are there already.
UPDATE "policy" SET "actions" = ARRAY(
    SELECT DISTINCT action FROM unnest("actions" || '{tag:create,tag:move}'::text[]) AS action ORDER BY action
) WHERE 'push' = ANY("actions");

-- Robots sign in with a secret that ends; tokens of an earlier generation than the account's are over.
ALTER TABLE "account"
    ALTER COLUMN "password_hash" DROP NOT NULL,
    ADD COLUMN "kind" TEXT NOT NULL DEFAULT 'person',
    ADD COLUMN "secret_hash" BYTEA,
    ADD COLUMN "expires_at" TIMESTAMPTZ(3),
    ADD COLUMN "generation" INTEGER NOT NULL DEFAULT 0,
    ADD CONSTRAINT "account_kind_check" CHECK (
        ("kind" = 'person' AND "password_hash" IS NOT NULL AND "secret_hash" IS NULL AND "expires_at" IS NULL)
        OR ("kind" = 'robot' AND "password_hash" IS NULL AND length("secret_hash") = 32 AND "expires_at" IS NOT NULL)
    );

-- Tags that, once set, nobody moves or deletes.
CREATE TABLE "immutable_tag" (
    "pattern" TEXT COLLATE "C" NOT NULL,
    "tags" TEXT COLLATE "C" NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "immutable_tag_pkey" PRIMARY KEY ("pattern", "tags")
);
