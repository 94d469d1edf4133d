package adopt

// The names that columns of applications have, the likeliest first. Case and
// underscores do not count. Names in a second list are taken only where none of the
// first is there.
var (
	taskNames = []string{
		"task_id", "suno_task_id", "provider_task_id", "api_task_id", "kie_task_id", "upstream_task_id", "external_task_id", "generation_task_id", "music_task_id",
	}
	looseTaskNames = []string{"external_id", "job_id", "request_id", "suno_id", "suno_job_id", "provider_job_id", "prediction_id"}
	statusNames    = []string{"status", "state", "generation_status", "task_status", "suno_status", "job_status"}
	typeNames      = []string{"task_type", "generation_type", "job_type", "type", "kind", "operation"}

	// names are those of the columns that are not asked for.
	names = map[string][]string{
		"user_id":       {"user_id", "owner_id", "created_by", "author_id", "profile_id", "account_id"},
		"error_message": {"error_message", "error", "error_msg", "failure_reason", "fail_reason", "last_error", "error_text", "fail_msg"},
		"error_code":    {"error_code", "failure_code", "fail_code"},
		"created_at":    {"created_at", "inserted_at", "created", "created_on", "date_created", "creation_time"},
		"updated_at":    {"updated_at", "modified_at", "updated", "last_updated"},
		"completed_at":  {"completed_at", "finished_at", "ended_at", "done_at"},
		"provider":      {"provider"},

		"clip_id":          {"clip_id", "suno_clip_id", "audio_id", "suno_audio_id"},
		"title":            {"title", "song_title", "track_title", "name"},
		"audio_url":        {"audio_url", "song_url", "music_url", "track_url", "mp3_url", "audio_file_url", "file_url", "result_url", "audio"},
		"stream_audio_url": {"stream_audio_url", "stream_url", "streaming_url", "audio_stream_url", "preview_url"},
		"video_url":        {"video_url"},
		"image_url":        {"image_url", "cover_url", "cover_image_url", "thumbnail_url", "artwork_url", "image_large_url", "cover_image", "thumbnail", "cover"},
		"lyrics":           {"lyrics", "lyric", "generated_lyrics"},
		"tags":             {"tags"},
		"model_name":       {"model_name"},
		"duration":         {"duration", "duration_seconds", "duration_sec", "audio_duration"},

		"clips_json": {"variants", "clips", "tracks", "songs", "results", "result", "outputs", "output", "variations", "generated_tracks", "audio_urls", "audio_files", "suno_data"},
		"keys.clip":  {"id", "clip_id", "audio_id", "suno_id"},
	}
)

// maxClips is how many clips are looked for among the columns of a row.
const maxClips = 8

// The words for statuses that applications have, those that are written first.
// Case, spaces, dashes and underscores do not count.
var statusWords = map[string][]string{
	"submitted":  {"pending", "submitted", "created", "new", "waiting", "init", "initial", "initialized"},
	"queued":     {"queued", "queue", "in_queue", "enqueued"},
	"processing": {"processing", "in_progress", "generating", "running", "working", "started", "active"},
	"streaming":  {"streaming", "partial", "first_success"},
	"complete":   {"complete", "completed", "success", "succeeded", "successful", "done", "finished", "ready"},
	"failed":     {"failed", "fail", "failure", "error", "errored"},
}
