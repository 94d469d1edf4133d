package syncer

import (
	"context"
	"fmt"
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
	for at := 0; at < len(ids) && ctx.Err() == nil; at += expireBatch {
		batch := ids[at:min(at+expireBatch, len(ids))]
		if _, err := s.pass(ctx, Request{IDs: batch, Via: ViaTimeout}, s.cfg.ExpireFetchTimeout); err != nil {
			return at, err
		}
	}
	return len(ids), ctx.Err()
}
