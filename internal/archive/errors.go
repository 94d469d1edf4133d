package archive

import (
	"context"
	"errors"
	"io"
	"net"

	"tasksync/internal/outbound"
	"tasksync/task"
)

// failure is why a file was not copied: a word of a closed set, which is kept and logged, and
// perhaps a detail for the log. Neither holds a URL.
type failure struct {
	word   string
	detail string
	gone   bool // the provider says that the file is not there
}

// Error implements error.
func (f *failure) Error() string {
	if f.detail == "" {
		return f.word
	}
	return f.word + ": " + f.detail
}

func failed(word string) *failure { return &failure{word: word} }

// sourceFailure names what went wrong with a request or a body of the source. The error of
// a client holds the URL, so only its cause is told.
func sourceFailure(err error) *failure {
	var timeout net.Error
	switch {
	case errors.Is(err, outbound.ErrBadTarget), errors.Is(err, outbound.ErrNotAllowed):
		return failed("address_not_public")
	case errors.Is(err, errStalled), errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return failed("source_timeout")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return failed("cut")
	}
	return failed("source_unreachable")
}

// storeFailure names what went wrong at the store.
func storeFailure(err error) *failure {
	return &failure{word: "store", detail: shorten(err.Error())}
}

// shorten returns a text for logs without what must not be there.
func shorten(text string) string {
	text = task.Redact(text)
	return text[:min(len(text), 200)]
}

// asFailure returns the failure in err.
func asFailure(err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	return storeFailure(err)
}
