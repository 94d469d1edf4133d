-- name: PauseList :many
-- The providers that no calls are made to; '' is all of them.
SELECT provider, paused_at, reason FROM tasksync.pauses ORDER BY provider LIMIT 1000;

-- name: PauseBegin :exec
-- A pause that lasts keeps its beginning.
INSERT INTO tasksync.pauses (provider, reason) VALUES (@provider::text, @reason::text)
ON CONFLICT (provider) DO UPDATE SET reason = EXCLUDED.reason;

-- name: PauseEnd :execrows
-- Without a name all pauses end.
DELETE FROM tasksync.pauses WHERE @provider::text IN ('', provider);
