//go:build sabotage

package daemon

import (
	"context"
	"os"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"tasksync/syncer"
)

// sabotages are faults that are put into the code on purpose, by name, each as what it
// would do to a row. They show that `make chaos` finds such faults.
var sabotages = map[string]string{
	"clips":  `DELETE FROM music_clips WHERE generation_id = $1`,                                                                                // a status without its clips
	"event":  `INSERT INTO tasksync.generation_events (generation_id, from_status, to_status, via) VALUES ($1, 'complete', 'complete', 'poll')`, // an event twice
	"status": `UPDATE music_generations SET status = CASE status WHEN 'complete' THEN 'failed' ELSE 'complete' END WHERE id = $1`,               // an end that is written over
}

// sabotage returns the fault that TASKSYNC_SABOTAGE names: it hits every tenth row.
func sabotage() []syncer.Effect {
	sql, ok := sabotages[os.Getenv("TASKSYNC_SABOTAGE")]
	if !ok {
		return nil
	}
	var rows atomic.Int64
	return []syncer.Effect{func(ctx context.Context, tx pgx.Tx, ends []syncer.Ending) error {
		for _, e := range ends {
			if rows.Add(1)%10 != 0 {
				continue
			}
			if _, err := tx.Exec(ctx, sql, e.Generation.ID); err != nil {
				return err
			}
		}
		return nil
	}}
}
