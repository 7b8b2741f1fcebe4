-- Where a word is common, its newest repositories are met soon by walking backwards; the index of words would list all of them first.
CREATE INDEX "catalog_repository_public_newest_idx" ON "catalog_repository" ("generation", "created_at") WHERE "visibility" = 'public';
CREATE INDEX "catalog_repository_private_newest_idx" ON "catalog_repository" ("generation", "created_at") WHERE "visibility" <> 'public';
