package syncer

import (
	"cmp"
	"errors"
	"strings"
	"unicode"

	"github.com/jackc/pgx/v5/pgconn"

	"tasksync/task"
)

// redactPg keeps what an operator needs of a database error and drops the
// row's contents, which Postgres puts into the detail.
func redactPg(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	return &pgconn.PgError{Severity: pg.Severity, Code: pg.Code, Message: task.Redact(pg.Message), ConstraintName: cmp.Or(pg.ConstraintName, pg.ColumnName)}
}

// redactOf is redactPg for an error about m, whose message may quote what m holds.
func redactOf(m *member, err error) error {
	err = redactPg(err)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		pg.Message = withoutContents(m, pg.Message)
	}
	return err
}

const (
	shownRunes = 200 // of a message
	// quotedRunes is how much of a text in a row is certainly a quotation of it: a
	// trigger may change its case, its spaces, or show only its beginning.
	quotedRunes = 12
)

// withoutContents cuts out of a message what the row holds: a trigger of the
// application's, or a value that cannot be cast, may quote it.
func withoutContents(m *member, message string) string {
	texts := contents(m)
	for _, text := range texts {
		message = strings.ReplaceAll(message, text, "…")
	}
	message, _, _ = strings.Cut(message, `: "`)
	runes := []rune(message)
	return withoutQuotations(runes[:min(len(runes), shownRunes)], texts)
}

// contents are the texts of the row and its clips, as they are and as they were to
// be.
func contents(m *member) []string {
	var texts []string
	add := func(text string) {
		if text != "" {
			texts = append(texts, text)
		}
	}
	for _, clips := range [][]task.Clip{m.decision.Clips, m.clips} {
		for _, c := range clips {
			add(c.Lyrics)
			add(c.Title)
			add(c.Tags)
		}
	}
	add(m.decision.ErrorMessage)
	return texts
}

// withoutQuotations cuts out what is a part of one of the texts.
func withoutQuotations(message []rune, texts []string) string {
	for i, text := range texts {
		texts[i] = strings.Map(plain, text)
	}
	quoted := make([]bool, len(message))
	for from := 0; from+quotedRunes <= len(message); from++ {
		part := strings.Map(plain, string(message[from:from+quotedRunes]))
		for _, text := range texts {
			if strings.Contains(text, part) {
				for at := range quotedRunes {
					quoted[from+at] = true
				}
				break
			}
		}
	}
	var out strings.Builder
	for i, r := range message {
		switch {
		case !quoted[i]:
			out.WriteRune(r)
		case i == 0 || !quoted[i-1]:
			out.WriteString("…")
		}
	}
	return out.String()
}

// plain makes runes alike that a quotation may have changed.
func plain(r rune) rune {
	if unicode.IsSpace(r) {
		return ' '
	}
	return unicode.ToLower(r)
}
