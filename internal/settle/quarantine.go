package settle

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tasksync/internal/database"
	"tasksync/queries"
	"tasksync/task"
)

// Why a call was not made.
var (
	errNoTime  = errors.New("not called with the end of the row: calls took too long")
	errStrikes = errors.New("not called with the end of the row: its call ended the transaction again and again")
)

// quarantine marks settlements whose calls failed.
func (s *Settler) quarantine(ctx context.Context, tx pgx.Tx, failed []settlement) error {
	if len(failed) == 0 {
		return nil
	}
	var p queries.SettlementQuarantineManyParams
	for _, f := range failed {
		p.GenerationIds, p.Rounds = append(p.GenerationIds, f.id), append(p.Rounds, f.round)
		p.Sqlstates, p.Errors = append(p.Sqlstates, database.Code(f.err)), append(p.Errors, describe(f.err))
	}
	if err := s.queries.SettlementQuarantineMany(ctx, tx, p); err != nil {
		return fmt.Errorf("quarantine settlements: %w", err)
	}
	for _, f := range failed {
		s.tell(f)
	}
	return nil
}

// tell logs an error of the function: the same kind seldom, whatever the number of rows.
func (s *Settler) tell(f settlement) {
	code := database.Code(f.err)
	if !s.told.First(code, time.Now()) {
		return
	}
	s.cfg.Logger.Error("[TaskSync] The function of TASKSYNC_SETTLE failed; the row has ended, and its settlement is quarantined",
		"generation_id", f.id, "round", f.round, "outcome", f.outcome, "function", s.cfg.Function.String(), "sqlstate", code, "error", describe(f.err),
		"hint", "mend what the error names; the function is called again by itself, or at once by `tasksync settle retry`")
}

// shownMost bounds a text of the function's errors, in characters.
const shownMost = 200

// describe returns the message of an error of the function and where it was raised,
// without Postgres's detail, which quotes rows.
func describe(err error) string {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return cut(task.Redact(err.Error()))
	}
	text := cut(task.Redact(pg.Message))
	if where, _, _ := strings.Cut(pg.Where, "\n"); strings.HasPrefix(where, "PL/") {
		text += " (" + cut(where) + ")"
	}
	return text
}

// cut bounds a text and keeps it in its line: operators see it in terminals.
func cut(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > shownMost {
		return string(runes[:shownMost]) + "…"
	}
	return text
}
