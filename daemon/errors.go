package daemon

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrConfig is wrapped by the errors of a Config that cannot be run. Where they
	// are about one field, they are a [FieldError].
	ErrConfig = errors.New("configuration")
	// ErrSchema is wrapped by the error of Run when migrations are pending and may
	// not be applied.
	ErrSchema = errors.New("the database lacks migrations")
	// ErrAccount is wrapped by the error of Sync when an upstream refused the account.
	ErrAccount = errors.New("the upstream refuses the account; no row was touched that it was asked for")
	// ErrListen is wrapped by the error of Run when there is no listening at
	// Config.ListenAddr.
	ErrListen = errors.New("serve HTTP")
)

// FieldError says what is wrong with one field of a Config, and never shows a
// secret. It wraps [ErrConfig].
type FieldError struct {
	// Field is the path of the field, like Timeout, API.JWTSecret or
	// Providers[1].APIKey.
	Field string
	// Provider is the name of the provider that the field is of; empty: it is of
	// none.
	Provider string
	// problem goes on after the name of the field.
	problem string
}

// Error implements error.
func (e *FieldError) Error() string { return e.Says(e.Field) }

// Says is the error with another name for its field, like that of a flag or of a
// variable.
func (e *FieldError) Says(name string) string {
	return fmt.Sprintf("%s: %s%s", ErrConfig, name, e.problem)
}

// Unwrap is ErrConfig.
func (*FieldError) Unwrap() error { return ErrConfig }

// wrong is an error of a field. Its text goes on after the name of the field: with
// a verb, or with a colon and a cause.
func wrong(field, format string, args ...any) *FieldError {
	problem := fmt.Sprintf(format, args...)
	if !strings.HasPrefix(problem, ":") {
		problem = " " + problem
	}
	return &FieldError{Field: field, problem: problem}
}
