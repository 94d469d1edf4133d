-- goose keeps its version table in schema public, which Supabase lets the whole
-- world write to: row security leaves that to the owner. Everybody whom grants
-- allow may still read it, as a daemon does that may not migrate.

-- +goose Up
ALTER TABLE IF EXISTS public.tasksync_goose_version ENABLE ROW LEVEL SECURITY;
CREATE POLICY tasksync_read ON public.tasksync_goose_version FOR SELECT USING (true);

-- +goose Down
DROP POLICY tasksync_read ON public.tasksync_goose_version;
ALTER TABLE IF EXISTS public.tasksync_goose_version DISABLE ROW LEVEL SECURITY;
