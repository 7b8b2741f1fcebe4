CREATE TABLE "undecided_head" (
    "origin" TEXT NOT NULL,
    "shown_by" TEXT NOT NULL,
    "held" TEXT NOT NULL,
    "shown" TEXT NOT NULL,
    "since" TIMESTAMPTZ(3) NOT NULL,
    "refusals" INTEGER NOT NULL,
    "answer" TEXT NOT NULL,

    CONSTRAINT "undecided_head_pkey" PRIMARY KEY ("origin","shown_by")
);
