// Package redact keeps passwords out of errors that are logged.
package redact

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Password is err without cfg's password in its text. Only where that stands there
// is the result another error, which wraps none.
func Password(err error, cfg *pgx.ConnConfig) error {
	if cfg.Password == "" || !strings.Contains(err.Error(), cfg.Password) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), cfg.Password, "xxxxx"))
}
