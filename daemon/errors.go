package daemon

import (
	"errors"
	"fmt"
	"strings"

	"tasksync/internal/doctor"
)

var (
	// ErrConfig is wrapped by the errors of a Config that cannot be run. An error
	// about one field is a [FieldError].
	ErrConfig = errors.New("configuration")
	// ErrSchema is wrapped by the errors of Run, Sync and Retry when migrations are
	// pending and may not be applied.
	ErrSchema = errors.New("the database lacks migrations")
	// ErrAccount is wrapped by the error of Sync when an upstream refuses the account.
	ErrAccount = errors.New("the provider refuses the account; its rows were not touched")
	// ErrColumns is wrapped by the errors of CheckDatabase, Run, Sync and Retry for
	// tables with columns of types that tasksync cannot work with.
	ErrColumns = doctor.ErrColumns
	// ErrListen is wrapped by the error of Run when it cannot listen at
	// Config.ListenAddr.
	ErrListen = errors.New("serve HTTP")
	// ErrListenAdmin is wrapped by the error of Run when it cannot listen at
	// Config.AdminAddr.
	ErrListenAdmin = errors.New("serve metrics and health")
)

// FieldError says what is wrong with one field of a Config, and never shows a
// secret. It wraps [ErrConfig].
type FieldError struct {
	// Field is the path of the field, like Timeout, API.JWTSecret or
	// Providers[1].APIKey.
	Field string
	// Provider is the name of the provider that the field belongs to, if any.
	Provider string
	// problem follows the name of the field.
	problem string
}

// Error implements error.
func (e *FieldError) Error() string { return e.Says(e.Field) }

// Says returns the text of the error with another name for the field, for example the
// name of a variable.
func (e *FieldError) Says(name string) string {
	return fmt.Sprintf("%s: %s%s", ErrConfig, name, e.problem)
}

// Unwrap returns ErrConfig.
func (*FieldError) Unwrap() error { return ErrConfig }

// wrong makes the error of a field. The text follows the name of the field: a verb,
// or a colon and a cause.
func wrong(field, format string, args ...any) *FieldError {
	problem := fmt.Sprintf(format, args...)
	if !strings.HasPrefix(problem, ":") {
		problem = " " + problem
	}
	return &FieldError{Field: field, problem: problem}
}
