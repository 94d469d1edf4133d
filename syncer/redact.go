package syncer

import (
	"errors"
	"strings"
	"unicode"

	"github.com/jackc/pgx/v5/pgconn"

	"tasksync/internal/database"
	"tasksync/task"
)

// redactPg returns a copy of a database error without the detail, where Postgres
// quotes the row, and without secrets in the message.
func redactPg(err error) error {
	err = database.WithoutDetail(err) // a copy: pg may be changed
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		pg.Message = task.Redact(pg.Message)
	}
	return err
}

// redactFor is redactPg for an error about m: it also cuts the contents of m out
// of the message.
func redactFor(m *member, err error) error {
	err = redactPg(err)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		pg.Message = withoutContents(m, pg.Message)
	}
	return err
}

const (
	// shownRunes is how many runes of a message are shown.
	shownRunes = 200
	// quotedRunes is how many runes that a message and a text of the row have in
	// common are certainly a quotation. A trigger may change their case or spaces, or
	// quote only the beginning of the text.
	quotedRunes = 12
)

// withoutContents cuts the contents of the row out of a message: a trigger of
// the application's may quote them, and so does Postgres for a value that cannot
// be cast.
func withoutContents(m *member, message string) string {
	texts := contents(m)
	for _, text := range texts {
		message = strings.ReplaceAll(message, text, "…")
	}
	message, _, _ = strings.Cut(message, `: "`) // Postgres quotes the value there
	runes := []rune(message)
	return withoutQuotations(runes[:min(len(runes), shownRunes)], texts)
}

// contents returns the texts of the row and its clips, both as they are and as
// they were to be written.
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

// withoutQuotations cuts the parts of the texts out of message. It changes texts.
func withoutQuotations(message []rune, texts []string) string {
	for i, text := range texts {
		texts[i] = strings.Map(fold, text)
	}
	quoted := make([]bool, len(message))
	for from := 0; from+quotedRunes <= len(message); from++ {
		part := strings.Map(fold, string(message[from:from+quotedRunes]))
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

// fold maps runes that differ only in case, and all spaces, to the same rune.
func fold(r rune) rune {
	if unicode.IsSpace(r) {
		return ' '
	}
	return unicode.ToLower(r)
}
