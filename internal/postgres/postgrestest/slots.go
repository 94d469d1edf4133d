package postgrestest

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// dropSlots drops the replication slots of a database, because a database with slots cannot be
// dropped. A slot may be active for a moment after its connection was closed.
func dropSlots(t testing.TB, database string) {
	t.Helper()
	if t.Failed() {
		return // the database is kept
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close(ctx)
	for {
		left, err := dropIdleSlots(ctx, conn)
		if err != nil {
			t.Error("drop the replication slots of the test:", err)
		}
		if err != nil || left == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// dropIdleSlots returns the number of slots that are left because they are active.
func dropIdleSlots(ctx context.Context, conn *pgx.Conn) (left int, err error) {
	_, err = conn.Exec(ctx, `select pg_drop_replication_slot(slot_name) from pg_replication_slots
		where database = current_database() and not active`)
	if err != nil {
		return 0, err
	}
	err = conn.QueryRow(ctx, `select count(*) from pg_replication_slots where database = current_database()`).Scan(&left)
	return left, err
}
