package database

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// RedactPassword returns err without cfg's password in its text. An error whose
// text holds the password becomes another one, which wraps nothing.
func RedactPassword(err error, cfg *pgx.ConnConfig) error {
	if cfg.Password == "" || !strings.Contains(err.Error(), cfg.Password) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), cfg.Password, "xxxxx"))
}

// RedactURL returns err's text without the address and without the password in
// the address, however it is written there. The address need not be a valid one.
func RedactURL(err error, address string) string {
	text := strings.ReplaceAll(err.Error(), address, "[DATABASE_URL]")
	for _, password := range passwords(address) {
		text = strings.ReplaceAll(text, password, "xxxxx")
	}
	return text
}

var passwordPattern = regexp.MustCompile(`://[^:@/]*:([^@]+)@|password\s*=\s*(?:'((?:[^'\\]|\\.)+)'|([^\s'&]+))`)

// passwords returns the password of the address, in clear and in the ways to write
// it in a URL, the longest first.
func passwords(address string) []string {
	var raw []string
	for _, m := range passwordPattern.FindAllStringSubmatch(address, -1) {
		raw = append(raw, m[1:]...)
	}
	if cfg, err := pgconn.ParseConfig(address); err == nil {
		raw = append(raw, cfg.Password)
	}
	var all []string
	for _, p := range raw {
		if p != "" {
			all = append(all, p, url.QueryEscape(p), url.PathEscape(p))
		}
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return all
}

// WithoutDetail returns the Postgres error in err without its detail, hint and
// context, where Postgres quotes the contents of rows. Any other error is returned
// as it is. The message stays: a trigger of the application's may quote a row there.
func WithoutDetail(err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return err
	}
	return &pgconn.PgError{
		Severity: pg.Severity, Code: pg.Code, Message: pg.Message,
		TableName: pg.TableName, ColumnName: pg.ColumnName, ConstraintName: pg.ConstraintName,
	}
}
