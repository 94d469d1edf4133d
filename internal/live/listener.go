package live

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tasksync/queries"
)

const (
	// channel is the channel of an Announcer's notifications.
	channel = "tasksync_events"
	// applicationName is how the connection shows in pg_stat_activity.
	applicationName = "tasksync events"
	// connectTimeout bounds one attempt to connect and listen.
	connectTimeout = 5 * time.Second
	// closeTimeout bounds the closing of a connection, which may be dead.
	closeTimeout = time.Second
)

// listener is the connection that hears that there are events, and reads them.
type listener struct {
	conn     *pgx.Conn
	notified bool // a notification has come that no step and no wait has used
}

func connect(ctx context.Context, config *pgx.ConnConfig) (*listener, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	l := &listener{}
	config = config.Copy()
	config.ConnectTimeout = connectTimeout
	config.RuntimeParams["application_name"] = applicationName
	config.OnNotification = func(*pgconn.PgConn, *pgconn.Notification) { l.notified = true }
	if config.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement && config.DescriptionCacheCapacity > 0 {
		// A statement that the server does not keep is planned for its cursor,
		// and works behind a transaction pooler.
		config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	var err error
	if l.conn, err = pgx.ConnectConfig(ctx, config); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if _, err := l.conn.Exec(ctx, "LISTEN "+channel); err != nil {
		l.close()
		return nil, fmt.Errorf("listen %q: %w", channel, err)
	}
	// Events that commit before this may not be announced: the first step reads them.
	if err := queries.New().EventHear(ctx, l.conn); err != nil {
		l.close()
		return nil, fmt.Errorf("have events announced: %w", err)
	}
	return l, nil
}

// wait returns at a notification, at once if one has come since the last step began.
// It also returns when ctx ends, and leaves the connection usable.
func (l *listener) wait(ctx context.Context) error {
	if !l.notified {
		_, err := l.conn.WaitForNotification(ctx)
		if err != nil && (ctx.Err() == nil || l.conn.IsClosed()) {
			return fmt.Errorf("wait for notification: %w", err)
		}
	}
	l.notified = false
	return nil
}

// close returns when all goroutines of the connection have ended, or after a second.
func (l *listener) close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = l.conn.Close(ctx) // the connection is not needed any more
	select {
	case <-l.conn.PgConn().CleanupDone():
	case <-ctx.Done():
	}
}
