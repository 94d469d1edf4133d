package archive

import (
	"context"

	"tasksync/queries"
	"tasksync/task"
)

// recover asks the provider for files that are gone, where it has a call for that: once to
// make them anew, and then for their new URLs. Such a file is not lost while there is hope.
func (r *run) recover(ctx context.Context) error {
	var gone []*file
	for _, f := range r.files {
		if f.err != nil && f.err.gone && f.FetchURL == "" {
			gone = append(gone, f)
		}
	}
	if len(gone) == 0 || r.provider.Recover == nil || r.g.TaskID == "" {
		return nil
	}
	if gone[0].RecoveredAt.Year() == 1 {
		if int(gone[0].Attempts) < goneAfter-1 {
			return nil
		}
		if err := r.provider.Recover(ctx, r.g.TaskID); err != nil {
			return nil //nolint:nilerr // the provider refuses; the attempts go on without
		}
		for _, f := range gone {
			f.err = &failure{word: "gone", detail: "the provider makes it anew"}
		}
		return r.queries.ArchiveRecoverySet(ctx, r.cfg.Pool, r.id)
	}
	items, err := r.provider.Recovered(ctx, r.g.TaskID)
	if err != nil {
		return nil //nolint:nilerr // likewise
	}
	return r.take(ctx, gone, items)
}

// take notes the new URLs of files.
func (r *run) take(ctx context.Context, gone []*file, items []task.Item) error {
	for _, f := range gone {
		if len(items) == 0 {
			f.err = &failure{word: "gone", detail: "the provider makes it anew"}
			continue
		}
		for _, item := range items {
			from := map[string]string{Audio: item.AudioURL, Image: item.ImageURL, Video: item.VideoURL}[f.Kind]
			if item.ID != f.ClipID || task.FinalURL(from) == "" {
				continue
			}
			f.err = &failure{word: "gone", detail: "the provider has made it anew"}
			err := r.queries.ArchiveFetchSet(ctx, r.cfg.Pool, queries.ArchiveFetchSetParams{
				FetchURL: from, GenerationID: r.id, ClipID: f.ClipID, Kind: f.Kind, Claim: r.claim,
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
