package archive

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"tasksync/queries"
)

// Check stores an object, reads it under its own URL and removes it. It returns what is
// wrong, with what to do.
func (a *Archiver) Check(ctx context.Context) error {
	key := "tasksync-check/" + strings.ToLower(rand.Text()) + ".txt"
	text := []byte("tasksync doctor stores and removes this object.\n")
	o := Object{Key: key, ContentType: "text/plain", Begun: func(context.Context, string) error { return nil }}
	if err := a.store.Put(ctx, o, bytes.NewReader(text)); err != nil {
		return fmt.Errorf("an object cannot be stored: %s; check TASKSYNC_ARCHIVE, the credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), and that they may PutObject", shorten(err.Error()))
	}
	if size, err := a.store.Size(ctx, key); err != nil || size != int64(len(text)) {
		return errors.Join(a.store.Remove(ctx, key), errors.New("an object that was stored cannot be seen; let the credentials GetObject, too"))
	}
	own := a.readOwn(ctx, a.target.url(key), func(head []byte) bool { return bytes.Equal(head, text) })
	if err := a.store.Remove(ctx, key); err != nil {
		return fmt.Errorf("an object cannot be removed: %s; let the credentials DeleteObject, too", shorten(err.Error()))
	}
	if own != nil {
		return fmt.Errorf("%w: %s does not serve what was stored; correct public_url, let everybody read the bucket, or, if only users may read it, set check=off", own, a.target.public)
	}
	return nil
}

// Trouble tells of files that are in danger, or were lost within 30 days; "" if there are
// none.
func (a *Archiver) Trouble(ctx context.Context) (string, error) {
	stats, err := a.queries.ArchiveStats(ctx, a.cfg.Pool)
	if err != nil {
		return "", err
	}
	lost, err := queries.New().ArchiveLostStats(ctx, a.cfg.Pool)
	if err != nil {
		return "", err
	}
	var all []string
	if stats.Endangered > 0 {
		all = append(all, fmt.Sprintf("%d files are not archived, and the provider deletes them soon", stats.Endangered))
	}
	if lost > 0 {
		all = append(all, fmt.Sprintf("%d files were lost within 30 days", lost))
	}
	return strings.Join(all, "; "), nil
}

// Shown returns where files go, without parameters.
func (a *Archiver) Shown() string { return a.cfg.Settings.Shown() }

// Pending returns how many files are not copied yet.
func (a *Archiver) Pending(ctx context.Context) (int64, error) {
	stats, err := a.queries.ArchiveStats(ctx, a.cfg.Pool)
	return stats.Pending, err
}
