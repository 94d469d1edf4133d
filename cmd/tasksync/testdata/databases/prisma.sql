-- Prisma without @map: quoted camelCase.
CREATE TABLE public.music_generations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "userId" uuid,
    "taskId" text,
    status text NOT NULL DEFAULT 'submitted',
    "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);
