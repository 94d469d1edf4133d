package main

// A shape is a database as an application has it, and the application: how it inserts a
// row, and what it reads of its own table.
type shape struct {
	name  string
	adopt []string // arguments of tasksync adopt
	// insert inserts a row for task $1 that was created at $2.
	insert string
	// read reads status, error and the audio addresses of the row of task $1.
	read             string
	complete, failed string // its words
	places           int    // clips that it reads
	begins           string // what tasksync reads for its first word; "": submitted
	remove           string // deletes the row of task $1
	again            string // submits the row of task $1 again, as task $2
}

var shapes = []shape{
	{
		name: "songs", adopt: []string{"--table", "songs", "--word", "complete=completed", "--word", "failed=failed"},
		insert:   `INSERT INTO songs (task_id, created_at) VALUES ($1, $2)`,
		read:     `SELECT status, coalesce(error, ''), array_remove(ARRAY[audio_url], NULL) FROM songs WHERE task_id = $1`,
		complete: "completed", failed: "failed", places: 1,
		remove: `DELETE FROM songs WHERE task_id = $1`,
		again:  `UPDATE songs SET status = 'pending', task_id = $2, audio_url = NULL, error = NULL, created_at = now() WHERE task_id = $1`,
	},
	{
		name: "tracks", adopt: []string{"--table", "tracks"},
		insert:   `INSERT INTO tracks (suno_task_id, title, created_at) VALUES ($1, 'as the user calls it', $2)`,
		read:     `SELECT status::text, coalesce(error_message, ''), array_remove(ARRAY[audio_url_1, audio_url_2], NULL) FROM tracks WHERE suno_task_id = $1`,
		complete: "success", failed: "error", places: 2,
		remove: `DELETE FROM tracks WHERE suno_task_id = $1`,
		again:  `UPDATE tracks SET status = 'pending', suno_task_id = $2, created_at = now() WHERE suno_task_id = $1`,
	},
	{
		name: "music_queue", adopt: []string{"--table", "public.music_queue"},
		insert:   `INSERT INTO music_queue (task_id, created_at) VALUES ($1, $2)`,
		read:     `SELECT status, error_message, ARRAY(SELECT e ->> 'audio_url' FROM jsonb_array_elements(variants) AS e WHERE e ? 'audio_url') FROM music_queue WHERE task_id = $1`,
		complete: "done", failed: "failed", places: 9, begins: "queued",
		remove: `DELETE FROM music_queue WHERE task_id = $1`,
		again:  `UPDATE music_queue SET status = 'queued', task_id = $2, created_at = now() WHERE task_id = $1`,
	},
	{
		name: "music_generation_jobs", adopt: []string{"--table", "music_generation_jobs", "--clips-table", "generated_songs"},
		insert:   `INSERT INTO music_generation_jobs (id, user_id, provider_task_id, created_at, updated_at) VALUES ('c' || md5($1), 'u_1', $1, $2, now())`,
		read:     `SELECT j.status, coalesce(failure_reason, ''), ARRAY(SELECT audio_url FROM generated_songs AS s WHERE s.job_id = j.id AND audio_url IS NOT NULL AND s.user_id = j.user_id) FROM music_generation_jobs AS j WHERE provider_task_id = $1`,
		complete: "succeeded", failed: "failed", places: 9,
		remove: `DELETE FROM music_generation_jobs WHERE provider_task_id = $1`,
		again:  `WITH gone AS (DELETE FROM generated_songs AS s USING music_generation_jobs AS j WHERE j.id = s.job_id AND provider_task_id = $1) UPDATE music_generation_jobs SET status = 'pending', provider_task_id = $2, created_at = now() WHERE provider_task_id = $1`,
	},
	{
		name: "Song", adopt: []string{"--table", "Song", "--time-zone", "UTC"},
		insert:   `INSERT INTO "Song" ("id", "userId", "taskId", "title", "createdAt", "updatedAt") VALUES ('c' || md5($1), 'user_1', $1, '', $2::timestamptz AT TIME ZONE 'UTC', now())`,
		read:     `SELECT "status"::text, coalesce("errorMessage", ''), array_remove(ARRAY["audioUrl", "audioUrl2"], NULL) FROM "Song" WHERE "taskId" = $1`,
		complete: "COMPLETED", failed: "FAILED", places: 2,
		remove: `DELETE FROM "Song" WHERE "taskId" = $1`,
		again:  `UPDATE "Song" SET "status" = 'PENDING', "taskId" = $2, "createdAt" = now() AT TIME ZONE 'UTC' WHERE "taskId" = $1`,
	},
	{
		name: "generated_music", adopt: []string{"--table", "generated_music", "--time-zone", "Asia/Shanghai"},
		insert:   `INSERT INTO generated_music (account_id, external_id, credits, created) VALUES (12, $1, 5, $2::timestamptz AT TIME ZONE 'Asia/Shanghai')`,
		read:     `SELECT state, error_text, array_remove(ARRAY[song_url], '') FROM generated_music WHERE external_id = $1`,
		complete: "READY", failed: "ERROR", places: 1,
		remove: `DELETE FROM generated_music WHERE external_id = $1`,
		again:  `UPDATE generated_music SET state = 'NEW', external_id = $2, song_url = '', created = now() AT TIME ZONE 'Asia/Shanghai' WHERE external_id = $1`,
	},
	{
		name: "month_songs", adopt: []string{"--table", "month_songs"},
		insert:   `INSERT INTO month_songs (task_id, created_at) VALUES ($1, $2)`,
		read:     `SELECT status, coalesce(error, ''), array_remove(ARRAY[audio_url], NULL) FROM month_songs WHERE task_id = $1`,
		complete: "completed", failed: "failed", places: 1,
		remove: `DELETE FROM month_songs WHERE task_id = $1`,
		again:  `UPDATE month_songs SET status = 'pending', task_id = $2, audio_url = NULL, error = NULL, created_at = now() WHERE task_id = $1`,
	},
}
