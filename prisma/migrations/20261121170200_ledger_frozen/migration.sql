-- A ledger whose key is proven to have signed two histories takes no records any more, and this is why.
ALTER TABLE "ledger" ADD COLUMN "frozen" TEXT;
