-- A proof that needs a note by a revoked key shows that the key was misused, by its organisation or by whoever got hold of it: it is kept, and freezes nothing.
ALTER TABLE "equivocation" ADD COLUMN "by_revoked_key" BOOLEAN NOT NULL DEFAULT false;
