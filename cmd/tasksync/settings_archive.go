package main

import "tasksync/daemon"

// archiveFlags say where the files of complete rows are copied to.
type archiveFlags struct {
	ArchiveURL   string   `name:"archive" env:"TASKSYNC_ARCHIVE" placeholder:"URL" help:"Where the files of complete rows are copied to before the provider deletes them: s3://bucket/prefix?endpoint=…&region=…&public_url=… (credentials in the AWS_ variables) or file:///path?public_url=… (default: nowhere)." group:"archive"`
	ArchiveFiles []string `env:"TASKSYNC_ARCHIVE_FILES" placeholder:"KIND" help:"Which files are copied: audio, image, video (default: audio,image)." group:"archive"`
	ArchiveKey   string   `env:"TASKSYNC_ARCHIVE_KEY" placeholder:"TEMPLATE" help:"Names of the copies (default: {user_id}/{generation_id}/{clip_id}.{ext})." group:"archive"`
}

func (f archiveFlags) archive(cfg *daemon.Config) {
	cfg.ArchiveURL, cfg.ArchiveFiles, cfg.ArchiveKey = f.ArchiveURL, trimmed(f.ArchiveFiles), f.ArchiveKey
}
