-- Names as Prisma quotes them, times without a zone.
CREATE TYPE "SongStatus" AS ENUM ('PENDING', 'PROCESSING', 'COMPLETED', 'FAILED');
CREATE TABLE "Song" (
    "id" text PRIMARY KEY,
    "userId" text NOT NULL,
    "taskId" text,
    "status" "SongStatus" NOT NULL DEFAULT 'PENDING',
    "title" text NOT NULL,
    "audioUrl" text,
    "audioUrl2" text,
    "imageUrl" text,
    "lyrics" text,
    "duration" double precision,
    "errorMessage" text,
    "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamp(3) NOT NULL
);
