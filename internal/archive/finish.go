package archive

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"tasksync/internal/database"
	"tasksync/queries"
	"tasksync/syncer"
	"tasksync/task"
)

// lockTimeout is how long the transaction waits for a row that the application holds.
const lockTimeout = "2s"

// finish writes what has come of the files: in one transaction the own URLs, an event if
// there are any, and the states of the files. The copies of clips that are gone are removed
// before their states are written, so that a crash in between leaves none.
func (r *run) finish(ctx context.Context) error {
	if r.tryOwn(ctx); ctx.Err() != nil {
		return ctx.Err()
	}
	now, err := r.queries.ClockNow(ctx, r.cfg.Pool)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := r.commit(ctx, now); err != nil {
		if database.Away(err) {
			return err
		}
		if err := r.refused(ctx, now, err); err != nil {
			return err
		}
	}
	err = r.removeObjects(ctx, now)
	r.report(now)
	return err
}

// commit is the transaction of finish.
func (r *run) commit(ctx context.Context, now time.Time) error {
	wrote := 0
	err := pgx.BeginFunc(ctx, r.cfg.Pool, func(tx pgx.Tx) (err error) {
		if err := r.queries.TransactionSetLockTimeout(ctx, tx, lockTimeout); err != nil {
			return err
		}
		if wrote, err = r.publish(ctx, tx); err != nil {
			return err
		}
		r.plan(now)
		return r.writeStates(ctx, tx, false)
	})
	if err == nil && wrote > 0 {
		r.cfg.Committed()
	}
	return err
}

// refused plans the files again after the database has rejected the transaction: a
// constraint or a trigger, or a lock that the application holds.
func (r *run) refused(ctx context.Context, now time.Time, cause error) error {
	for _, f := range r.files {
		f.state, f.clipGone = "", false
		if f.err == nil {
			f.err = &failure{word: "database_refused", detail: shorten(database.WithoutDetail(cause).Error())}
		}
	}
	r.plan(now)
	return r.writeStates(ctx, r.cfg.Pool, false)
}

// tryOwn reads one of the own URLs, and holds the files back if it cannot be read.
func (r *run) tryOwn(ctx context.Context) {
	for _, f := range r.files {
		if f.err != nil || f.URL == "" {
			continue
		}
		isOurs := func(head []byte) bool { return sniff(head, f.Kind).kind == f.Kind }
		if err := r.readOwn(ctx, f.URL, isOurs); err != nil {
			for _, other := range r.files {
				if other.err == nil {
					other.err = asFailure(err)
				}
			}
		}
		return
	}
}

// publish decides on the files under the locks of the row and its clips, and writes the own
// URLs. It returns how many it wrote.
func (r *run) publish(ctx context.Context, tx pgx.Tx) (int, error) {
	rows, err := r.queries.GenerationLockEnded(ctx, tx, queries.GenerationLockEndedParams{
		Ids: []string{r.id}, EndedWords: r.cfg.Words.Spellings(task.Complete),
	})
	if err != nil {
		return 0, err
	}
	if len(rows) == 0 {
		return 0, r.withoutRow(ctx, tx)
	}
	if err := r.queries.ClipLockByGenerations(ctx, tx, []string{r.id}); err != nil {
		return 0, err
	}
	clips, err := r.queries.ClipListByGenerations(ctx, tx, []string{r.id})
	if err != nil {
		return 0, err
	}
	u := r.decide(clips)
	if len(u.Ids) == 0 {
		return 0, nil
	}
	n, err := r.queries.ArchiveClipUpdateMany(ctx, tx, u)
	if err != nil {
		return 0, err
	}
	if n < int64(len(u.Ids)) { // a trigger or a row security policy left clips as they were
		r.holdBack()
		return 0, nil
	}
	return len(u.Ids), r.tell(ctx, tx)
}

// tell writes the event, and calls what follows from it.
func (r *run) tell(ctx context.Context, tx pgx.Tx) error {
	word := string(task.Complete)
	err := r.queries.EventInsertMany(ctx, tx, queries.EventInsertManyParams{
		GenerationIds: []string{r.id}, UserIds: []string{r.g.UserID}, FromStatuses: []string{word}, ToStatuses: []string{word},
		Vias: []string{string(syncer.ViaArchive)}, UpstreamStatuses: []string{""},
	})
	if err != nil || r.cfg.Archived == nil {
		return err
	}
	return r.cfg.Archived(ctx, tx, []string{r.id})
}

// withoutRow gives the files of a row that is not complete their states: it is gone, or the
// application has changed its status. Then its next end plans its files again.
func (r *run) withoutRow(ctx context.Context, tx pgx.Tx) error {
	rows, err := r.queries.GenerationList(ctx, tx, []string{r.id})
	if err != nil {
		return err
	}
	for _, f := range r.files {
		f.state, f.clipGone = stateRemoved, len(rows) == 0
		if len(rows) > 0 {
			f.state, f.err = stateSuperseded, failed("row_not_complete")
		}
	}
	return nil
}

// holdBack plans files again whose URLs the database did not write.
func (r *run) holdBack() {
	for _, f := range r.files {
		if f.state == stateArchived {
			f.state, f.err = "", failed("database_left_clip")
		}
	}
}

// decide compares the clips, as they are now, with the sources of the files. It returns what
// to write.
func (r *run) decide(clips []queries.ClipListByGenerationsRow) (u queries.ArchiveClipUpdateManyParams) {
	changed := make([]map[string]string, len(clips))
	for _, f := range r.files {
		f.state, f.clipGone = stateRemoved, true
		for i, c := range clips {
			if c.ClipID != f.ClipID {
				continue
			}
			f.clipGone = false
			switch has := map[string]string{Audio: c.AudioURL, Image: c.ImageURL, Video: c.VideoURL}[f.Kind]; {
			case has != f.SourceURL && (f.URL == "" || has != f.URL):
				if f.state == stateRemoved {
					f.state = stateSuperseded
				}
			case f.err != nil || f.URL == "":
				f.state = "" // tried again
			default:
				f.state = stateArchived
				if has != f.URL {
					if changed[i] == nil {
						changed[i] = map[string]string{}
					}
					changed[i][f.Kind] = f.URL
				}
			}
		}
	}
	for i, urls := range changed {
		if urls != nil {
			u.Ids = append(u.Ids, clips[i].ID)
			u.AudioUrls, u.ImageUrls, u.VideoUrls = append(u.AudioUrls, urls[Audio]), append(u.ImageUrls, urls[Image]), append(u.VideoUrls, urls[Video])
		}
	}
	return u
}

// plan gives the files that are not done their next attempt.
func (r *run) plan(now time.Time) {
	retention := r.provider.Retention
	if retention == 0 {
		retention = DefaultRetention
	}
	for _, f := range r.files {
		if f.state != "" {
			if f.result.due.IsZero() {
				f.result = prospect{due: now}
			}
			continue
		}
		if f.err == nil {
			f.err = failed("not_stored") // the row was not there at first
		}
		f.state = statePending
		f.result = prospectOf(now, tries{f.EndedAt, f.CreatedAt, retention, int(f.Attempts), f.Bytes > 0}, f.err)
		if f.result.lost {
			f.state = stateLost
		}
	}
}

// writeStates writes the states of the files whose clips are there, or of the others.
func (r *run) writeStates(ctx context.Context, db queries.DBTX, clipGone bool) error {
	p := queries.ArchiveFinishManyParams{GenerationID: r.id, Claim: r.claim}
	for _, f := range r.files {
		if f.clipGone != clipGone {
			continue
		}
		word := ""
		if f.err != nil {
			word = f.err.word
		}
		p.ClipIds, p.Kinds, p.States = append(p.ClipIds, f.ClipID), append(p.Kinds, f.Kind), append(p.States, f.state)
		p.Urls = append(p.Urls, f.URL)
		p.Errors, p.DueAts, p.AlarmAts = append(p.Errors, word), append(p.DueAts, f.result.due), append(p.AlarmAts, f.result.alarm)
	}
	if len(p.ClipIds) == 0 {
		return nil
	}
	return r.queries.ArchiveFinishMany(ctx, db, p)
}

// removeObjects deletes the copies of clips that are gone. What the store does not delete is
// tried again like a file.
func (r *run) removeObjects(ctx context.Context, now time.Time) error {
	for _, f := range r.files {
		if !f.clipGone {
			continue
		}
		f.err = nil
		if f.Key == "" {
			continue
		}
		err := r.store.Remove(ctx, f.Key)
		if err == nil && f.UploadID != "" {
			err = r.store.Abort(ctx, f.Key, f.UploadID)
		}
		if err != nil {
			f.err, f.state = storeFailure(err), ""
		}
	}
	r.plan(now)
	return r.writeStates(ctx, r.cfg.Pool, true)
}
