package outgoing

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"tasksync/internal/database"
	"tasksync/queries"
)

const (
	// receiverWorkers is how many notifications one daemon sends to a receiver at once.
	receiverWorkers = 16
	// fetchCooldown bounds how often the jobs of a receiver are fetched.
	fetchCooldown = 10 * time.Millisecond
	// announceEvery is the least time between two announcements of new jobs; the jobs of
	// another transaction within it wait for the next poll.
	announceEvery = time.Millisecond
	// lease is for how long a taken notification is nobody else's. It is longer than an
	// attempt and the writing of its result.
	lease = 22 * time.Second
	// workTimeout bounds a job: an attempt, and what it reads and writes.
	workTimeout = 20 * time.Second
	// writeTimeout bounds the writing of a result.
	writeTimeout = 3 * time.Second
)

// args is a job that sends one notification.
type args struct {
	ID int64 `json:"id"`
	// Now is for a replay: it does not wait until the time that the receiver has asked for.
	Now bool `json:"now,omitempty"`
}

// Kind implements river.JobArgs.
func (args) Kind() string { return "notify" }

// job returns the job of a notification, in its receiver's queue. Its attempts at working
// are not those of sending.
func (n *Notifier) job(id int64, receiver string) river.InsertManyParams {
	opts := &river.InsertOpts{MaxAttempts: 10}
	if r := n.receivers[receiver]; r != nil {
		opts.Queue = r.queue
	}
	return river.InsertManyParams{Args: args{ID: id}, InsertOpts: opts}
}

// state is a receiver, and until when it wants nothing.
type state struct {
	Receiver
	closedUntil atomic.Int64 // nanoseconds since 1970
}

func (s *state) closed(now time.Time) time.Duration {
	return max(0, time.Duration(s.closedUntil.Load()-now.UnixNano()))
}

// AddTo adds the worker.
func (n *Notifier) AddTo(workers *river.Workers) { river.AddWorker(workers, &worker{notifier: n}) }

// Queues returns the queues, one for each receiver.
func (n *Notifier) Queues() map[string]river.QueueConfig {
	queues := make(map[string]river.QueueConfig, len(n.receivers))
	for _, r := range n.receivers {
		queues[r.queue] = river.QueueConfig{MaxWorkers: receiverWorkers, FetchCooldown: fetchCooldown}
	}
	return queues
}

// resultClosed is the result of a notification whose receiver wants nothing for a time.
const resultClosed = "not sent: the server has asked for nothing before that time (Retry-After)"

// worker sends notifications.
type worker struct {
	river.WorkerDefaults[args]
	notifier *Notifier
}

// Timeout implements river.Worker.
func (*worker) Timeout(*river.Job[args]) time.Duration { return workTimeout }

// Work implements river.Worker. It makes one attempt, if it is the notification's turn.
func (w *worker) Work(ctx context.Context, job *river.Job[args]) error {
	n, id := w.notifier, job.Args.ID
	if r := n.ofQueue(job.Queue); r != nil && !job.Args.Now {
		if wait := r.closed(time.Now()); wait > 0 {
			return n.postpone(ctx, queries.NotificationPostponeParams{ID: id, Result: resultClosed}, wait+rand.N(time.Second))
		}
	}
	taken, err := n.queries.NotificationTake(ctx, n.cfg.Pool, queries.NotificationTakeParams{ID: id, LeaseSeconds: lease.Seconds()})
	if errors.Is(err, pgx.ErrNoRows) {
		return n.notTaken(ctx, id)
	}
	if err != nil {
		return givenBack(ctx, fmt.Errorf("take a notification: %w", err))
	}
	r := n.receivers[taken.Receiver]
	if r == nil { // the job was given a wrong queue
		return nil
	}
	m, err := n.message(ctx, taken)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return n.end(ctx, taken, dead, "its row was deleted before the body was made")
	case err != nil:
		return givenBack(ctx, err)
	}
	a := n.post(ctx, r.Receiver, m)
	if a.delivered && job.Args.Now {
		r.closedUntil.Store(0)
	}
	return n.record(ctx, taken, r, a)
}

// givenBack returns what River is told about a job that met an error: one that was cut
// short by a stop is for the next daemon.
func givenBack(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return river.JobSnooze(0)
	}
	return err
}

func (n *Notifier) ofQueue(queue string) *state {
	for _, r := range n.receivers {
		if r.queue == queue {
			return r
		}
	}
	return nil
}

// notTaken handles a job whose notification has ended, or waits.
func (n *Notifier) notTaken(ctx context.Context, id int64) error {
	turn, err := n.queries.NotificationTurn(ctx, n.cfg.Pool, id)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return givenBack(ctx, fmt.Errorf("read a notification: %w", err))
	case !turn.Pending: // it may have ended without its daemon having gone on
		return n.next(ctx, id)
	case turn.Blocked: // the end of the earlier one makes a job
		return nil
	default:
		return river.JobSnooze(max(time.Duration(turn.WaitSeconds*float64(time.Second)), 0))
	}
}

// message returns what is to be sent, and makes the body if the event has none.
func (n *Notifier) message(ctx context.Context, t queries.NotificationTakeRow) (message, error) {
	m := message{id: messageID(t.MessageID), body: []byte(t.Payload)}
	if t.Payload != "" {
		return m, nil
	}
	made, err := n.bodies(ctx, n.cfg.Pool, []event{{Type: Type(t.Type), GenerationID: t.GenerationID}})
	if err != nil {
		return m, fmt.Errorf("make the body of a notification: %w", database.WithoutDetail(err))
	}
	text, ok := made[t.GenerationID]
	if !ok {
		return m, pgx.ErrNoRows
	}
	m.body = []byte(text)
	return m, n.queries.NotificationSetPayload(ctx, n.cfg.Pool, queries.NotificationSetPayloadParams{ID: t.ID, Payload: text})
}

func messageID(id string) string { return messagePrefix + id }

// messagePrefix begins the id of a message.
const messagePrefix = "msg_"
