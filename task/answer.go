package task

import (
	"context"
	"time"
)

// Answer is a provider's answer to one call, as it came.
type Answer struct {
	Asked  string // the address, and the body of a POST: they name the tasks
	Code   int    // HTTP status
	Body   []byte // must not be changed
	SentAt time.Time
	Took   time.Duration
}

type keeperKey struct{}

// KeepAnswers returns a context whose calls pass their answers to keep, which must not
// wait. Calls made at the same time pass theirs at the same time.
func KeepAnswers(ctx context.Context, keep func(Answer)) context.Context {
	return context.WithValue(ctx, keeperKey{}, keep)
}

// AnswerKeeper returns the function that [KeepAnswers] has given to ctx; nil: there is
// none, and the answers need not be copied.
func AnswerKeeper(ctx context.Context) func(Answer) {
	keep, _ := ctx.Value(keeperKey{}).(func(Answer))
	return keep
}
