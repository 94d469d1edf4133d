package jobs

import (
	"context"

	"github.com/jackc/pgx/v5"

	"tasksync/queries"
	"tasksync/task"
)

// newcomers are rows that get their first job. Each that has a user gets an event, in
// the transaction of the job, so that the user's pages show the row at once, and never
// after a change of it: nobody looks at a row before its job is there, but a user's POST,
// and that row has an event then. The events of a hand-on are one statement, and the
// application's INSERT has nothing to do with it.
type newcomers struct {
	words task.StatusWords
	p     queries.EventInsertNewParams
}

func (n *newcomers) add(id, user, word string) {
	if !task.IsUUID(user) {
		return // nobody can follow it
	}
	n.p.GenerationIds = append(n.p.GenerationIds, id)
	n.p.UserIds = append(n.p.UserIds, user)
	n.p.Statuses = append(n.p.Statuses, string(n.words.Read(word)))
}

// insert inserts jobs with the events of the rows that are new.
func (c *Client) insert(ctx context.Context, jobs *cohorts, n newcomers) error {
	if !c.tells(n) {
		_, err := c.river.InsertManyFast(ctx, jobs.params(c.cfg.Now()))
		return err
	}
	var told bool
	err := pgx.BeginFunc(ctx, c.cfg.Pool, func(tx pgx.Tx) (err error) {
		told, err = c.insertTx(ctx, tx, jobs, n)
		return err
	})
	if told && err == nil {
		c.cfg.Committed()
	}
	return err
}

// insertTx is insert in a transaction of the caller's. It reports whether there are new
// events. Events that the database rejects keep no row from its job.
func (c *Client) insertTx(ctx context.Context, tx pgx.Tx, jobs *cohorts, n newcomers) (told bool, err error) {
	if c.tells(n) {
		err = pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
			rows, err := c.queries.EventInsertNew(ctx, savepoint, n.p)
			told = rows > 0
			return err
		})
		switch {
		case err != nil && (ctx.Err() != nil || tx.Conn().IsClosed()):
			return false, err
		case err != nil && c.untold.First("events", c.cfg.Now()):
			c.cfg.Logger.Warn("[TaskSync] Pages are not told of new rows: the database rejects their events; run tasksync doctor", "error", err)
		}
	}
	_, err = c.river.InsertManyFastTx(ctx, tx, jobs.params(c.cfg.Now()))
	return told, err
}

// tells reports whether there is anybody to tell of new rows, and something to tell.
func (c *Client) tells(n newcomers) bool {
	return c.cfg.Committed != nil && len(n.p.GenerationIds) > 0
}
