-- Through which size a log's entries were sent to its stream.
CREATE TABLE "message_sent" (
    "origin" TEXT NOT NULL,
    "size" BIGINT NOT NULL,

    CONSTRAINT "message_sent_pkey" PRIMARY KEY ("origin")
);

-- Peers' messages that could not be taken in, kept to be looked at and tried again.
CREATE TABLE "dead_letter" (
    "id" BIGSERIAL NOT NULL,
    "organisation" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "headers" JSONB NOT NULL,
    "payload" BYTEA NOT NULL,
    "reason" TEXT NOT NULL,
    "buried_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "dead_letter_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "dead_letter_organisation_id_idx" ON "dead_letter"("organisation", "id");
