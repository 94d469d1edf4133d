package syncer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// expireGrace leaves rows that have just reached their deadline to the pass
// that is scheduled for that moment.
const expireGrace = 3 * time.Second

const (
	expireMax   = 2000 // rows of one run; the next run takes the rest
	expireBatch = 50   // rows of one pass
)

// Expire applies the timeout rule to generations past their deadline, whatever
// the upstream does: it is asked once more, briefly. It returns how many rows
// were overdue.
func (s *Syncer) Expire(ctx context.Context) (int, error) {
	ids, err := s.queries.GenerationListOverdue(ctx, s.cfg.Pool, s.overdue(s.cfg.Now().Add(-s.cfg.Policy.Timeout-expireGrace)))
	if err != nil {
		return 0, fmt.Errorf("list overdue generations: %w", err)
	}
	var first error // of one batch; the others go on
	for batch := range slices.Chunk(ids, expireBatch) {
		if ctx.Err() != nil {
			break
		}
		_, err := s.pass(ctx, Request{IDs: batch, Via: ViaTimeout}, s.cfg.ExpireFetchTimeout)
		first = cmp.Or(first, err)
	}
	return len(ids), cmp.Or(first, ctx.Err())
}
