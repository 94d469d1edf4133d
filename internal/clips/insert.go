package clips

import (
	"context"
	"sync"
	"time"

	"tasksync/queries"
)

// again is the time after which the table is looked at anew: a column that may be
// null, unlike one that may not, gives no error that tells of it.
const again = time.Minute

// Inserter inserts clips. It is safe for concurrent use.
type Inserter struct {
	queries *queries.Queries

	mu   sync.Mutex
	plan Plan
	read time.Time // when the plan was made; zero: there is none
}

// NewInserter makes an Inserter.
func NewInserter() *Inserter { return &Inserter{queries: queries.New()} }

// Insert inserts clips in a transaction, and returns how many. With least it fills only
// what the table cannot be without.
func (i *Inserter) Insert(ctx context.Context, tx queries.DBTX, p queries.ClipInsertManyParams, least bool) (int64, error) {
	plan, err := i.Plan(ctx, tx)
	if err != nil {
		return 0, err
	}
	text := plan.Text
	if least {
		text = plan.Least
	}
	if text == "" {
		return i.queries.ClipInsertMany(ctx, tx, p)
	}
	tag, err := tx.Exec(ctx, text, p.GenerationIds, p.ClipIds, p.Statuses, p.Titles, p.AudioUrls, p.StreamAudioUrls, p.VideoUrls,
		p.ImageUrls, p.Lyrics, p.Tags, p.ModelNames, p.Durations)
	return tag.RowsAffected(), err
}

// Plan returns the plan; if it is old, it is made anew.
func (i *Inserter) Plan(ctx context.Context, db queries.DBTX) (Plan, error) {
	i.mu.Lock()
	plan, made := i.plan, !i.read.IsZero()
	old := !made || time.Since(i.read) > again
	if old && made {
		i.read = time.Now() // others go on with the plan that there is
	}
	i.mu.Unlock()
	if !old {
		return plan, nil
	}
	plan, _, err := i.refresh(ctx, db)
	return plan, err
}

// Refresh reads the table anew, and reports whether clips are inserted in another way
// from now on.
func (i *Inserter) Refresh(ctx context.Context, db queries.DBTX) (changed bool, err error) {
	_, changed, err = i.refresh(ctx, db)
	return changed, err
}

func (i *Inserter) refresh(ctx context.Context, db queries.DBTX) (plan Plan, changed bool, err error) {
	if plan, err = Read(ctx, db); err != nil {
		return plan, false, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	changed = plan.Text != i.plan.Text
	i.plan, i.read = plan, time.Now()
	return plan, changed, nil
}

// Spares reports whether an insert with least differs from one without.
func (i *Inserter) Spares() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.plan.Text != i.plan.Least
}
