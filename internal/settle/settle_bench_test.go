package settle

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/syncer"
	"tasksync/task"
)

// BenchmarkSettle measures what settling adds to a transaction for each row that ends in
// it, with a function that does nothing, and how many bytes a settlement takes.
func BenchmarkSettle(b *testing.B) {
	for _, rows := range []int{1, 100} {
		b.Run(fmt.Sprint(rows, "_rows"), func(b *testing.B) {
			pool := postgrestest.Pool(b)
			_, err := pool.Exec(context.Background(), `CREATE FUNCTION `+signature+` RETURNS void LANGUAGE plpgsql AS $$ BEGIN END $$`)
			require.NoError(b, err)
			s := New(Config{Pool: pool, Function: Function{"public", "settle_it"}})
			ends, n := make([]syncer.Ending, rows), 0
			for b.Loop() {
				for i := range ends {
					n++
					ends[i] = ending(fmt.Sprintf("00000000-0000-4000-8000-%012d", n), task.Processing, task.Complete)
				}
				require.NoError(b, pgx.BeginFunc(context.Background(), pool, func(tx pgx.Tx) error { return s.Settle(context.Background(), tx, ends) }))
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n), "µs/row")
			b.ReportMetric(0, "ns/op")
			var size float64
			require.NoError(b, pool.QueryRow(context.Background(), `SELECT pg_total_relation_size('tasksync.settlements')::float8 / count(*) FROM tasksync.settlements`).Scan(&size))
			b.ReportMetric(size, "bytes/row")
		})
	}
}
