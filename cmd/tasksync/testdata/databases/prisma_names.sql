-- Prisma's names for tables.
CREATE TABLE public."MusicGeneration" (id text PRIMARY KEY, "taskId" text, status text NOT NULL, "audioUrl" text);
