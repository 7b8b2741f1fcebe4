-- Sessions under way are counted for each principal when another is begun.
CREATE INDEX "upload_principal_id_idx" ON "upload"("principal_id");
